variable "name" {
  description = "Beginning of the policy's name and of the roles' that it bounds: meridian-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Give a name of lower-case letters, digits and hyphens, for example meridian-prod."
  }
}

variable "account_id" {
  description = "The account of the roles."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is twelve digits: aws sts get-caller-identity --query Account."
  }
}

variable "regions" {
  description = "Regions whose role for deploying is taken by a build there."
  type        = set(string)
}

variable "tags" {
  description = "Tags of the policy."
  type        = map(string)
  default     = {}
}
