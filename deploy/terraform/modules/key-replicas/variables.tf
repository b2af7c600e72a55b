variable "name" {
  description = "Begins the aliases: meridian-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Give a name of lower-case letters, digits and hyphens, for example meridian-prod."
  }
}

variable "primary_key_arns" {
  description = "ARN by purpose of the multi-region keys to replicate."
  type        = map(string)
}

variable "policies" {
  description = "The policy of each purpose's replica; replicas do not inherit the primary's."
  type        = map(string)

  validation {
    condition     = length(setsubtract(keys(var.primary_key_arns), keys(var.policies))) == 0
    error_message = "Give a policy for every key: AWS's default one would let the whole account use it."
  }
}

variable "recovery_days" {
  description = "How long a deleted replica is kept."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days >= 7 && var.recovery_days <= 30
    error_message = "AWS keeps deleted keys for 7 to 30 days; give a number between them."
  }
}

variable "tags" {
  description = "Tags of every replica."
  type        = map(string)
  default     = {}
}
