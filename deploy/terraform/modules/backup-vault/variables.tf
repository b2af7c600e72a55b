variable "name" {
  description = "Name of the vault: meridian-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{2,50}$", var.name))
    error_message = "Give 2 to 50 letters, digits, hyphens and underscores."
  }
}

variable "region" {
  description = "The vault's region, that of the provider."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "Give an AWS region such as us-west-2."
  }
}

variable "account_id" {
  description = "The account the vault belongs to; no other may copy from it."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "kms_key_arn" {
  description = "Encrypts recovery points; in the vault's own region."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "Give the ARN of a customer managed key."
  }
}

variable "keeper_role" {
  description = "The one role that may change the vault, before the lock is final."
  type        = string
  default     = "meridian-backup-keeper"
}

variable "retention_days" {
  description = "The least and the most days a recovery point may be kept."
  type        = object({ least = number, most = number })
  default     = { least = 7, most = 2555 }

  validation {
    condition     = var.retention_days.least >= 1 && var.retention_days.most > var.retention_days.least
    error_message = "Keep recovery points for at least a day, and allow more than the least."
  }
}

variable "changeable_days" {
  description = "Days in which the lock can still be taken off; then never (compliance mode). Null: it stays removable (governance mode)."
  type        = number
  default     = 14

  validation {
    condition     = coalesce(var.changeable_days, 3) >= 3
    error_message = "AWS wants at least 3 days before a lock is final; give null where it never should be."
  }
}

variable "tags" {
  description = "Tags of the vault."
  type        = map(string)
  default     = {}
}
