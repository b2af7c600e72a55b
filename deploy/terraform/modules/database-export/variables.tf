variable "name" {
  description = "Begins every name here: meridian-prod-us-east-1"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,40}$", var.name))
    error_message = "Give 3 to 41 lower-case letters, digits and hyphens, for example meridian-prod-us-east-1."
  }
}

variable "account_id" {
  description = "The account whose roles export"
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "cluster_arn" {
  description = "The Aurora cluster; plain RDS exports snapshots alone, each by its name"
  type        = string
}

variable "database_key_arn" {
  description = "The key the cluster is encrypted with"
  type        = string
}

variable "bucket" {
  description = "The region's bucket of backups and the key of the files in it"
  type = object({
    name    = string
    key_arn = string
  })
}

variable "schedule" {
  description = "When to export (UTC): after the night's backup"
  type        = string
  default     = "cron(0 4 ? * SUN *)"

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.schedule))
    error_message = "Give the schedule as cron(minute hour day month weekday year), in UTC."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource that takes some"
  type        = map(string)
  default     = {}
}
