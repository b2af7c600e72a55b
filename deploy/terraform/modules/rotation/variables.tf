variable "name" {
  description = "Begins the names of function and role: meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,44}$", var.name))
    error_message = "Give 3 to 45 lower-case letters, digits and hyphens: IAM allows 64 with what follows."
  }
}

variable "region" {
  description = "The region of function and secrets."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "Give an AWS region such as us-east-1."
  }
}

variable "account_id" {
  description = "The account whose Secrets Manager may call the function."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "secret_arns" {
  description = "The secret with REDIS_URL of each service."
  type        = map(string)

  validation {
    condition     = length(setsubtract(keys(var.secret_arns), keys(var.cache.user_names))) == 0
    error_message = "A secret is of a service that has no user in the cache: give it one, or leave its secret out."
  }
}

variable "cache" {
  description = "The cache as host:port, and the name and ARN of each service's user."
  type = object({
    address    = string
    user_names = map(string)
    user_arns  = map(string)
  })
}

variable "kms_key_arns" {
  description = "Keys of the secrets and of the function's log."
  type        = object({ secrets = string, logs = string })

  validation {
    condition     = alltrue([for arn in values(var.kms_key_arns) : can(regex("^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/", arn))])
    error_message = "Give ARNs of customer managed keys."
  }
}

variable "every_days" {
  description = "How often passwords change. The one before stays valid until the next change."
  type        = number
  default     = 30

  validation {
    condition     = var.every_days >= 1 && var.every_days <= 90
    error_message = "Rotate every 1 to 90 days."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of function, role and log group."
  type        = map(string)
  default     = {}
}
