variable "name" {
  description = "Begins every name here: meridian-prod"
  type        = string
}

variable "region" {
  description = "The region whose lines are kept"
  type        = string
}

variable "account_id" {
  description = "The account whose roles write"
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "log_groups" {
  description = "Log groups whose every line is kept; each has masked what is personal"
  type        = set(string)

  validation {
    condition     = length(var.log_groups) > 0
    error_message = "Name the log groups that are kept: an archive of nothing is found empty on the day it is asked."
  }
}

variable "bucket" {
  description = "The region's bucket of logs and its key"
  type = object({
    name    = string
    key_arn = string
  })
}

variable "logs_key_arn" {
  description = "The region's key for log groups"
  type        = string
}

variable "buffer_seconds" {
  description = "How long Firehose collects before it writes a file"
  type        = number
  default     = 300

  validation {
    condition     = var.buffer_seconds >= 60 && var.buffer_seconds <= 900
    error_message = "Collect lines for 60 to 900 seconds: a file a second costs more than what is in it."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource"
  type        = map(string)
  default     = {}
}
