variable "name" {
  description = "Name of the trail and the aggregator: meridian-prod"
  type        = string
}

variable "region" {
  description = "The master region, where the trail and its bucket are"
  type        = string
}

variable "account_id" {
  description = "The account that is watched"
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "regions" {
  description = "Regions whose AWS Config is shown together"
  type        = list(string)

  validation {
    condition     = length(var.regions) > 0
    error_message = "Name the regions that AWS Config records in."
  }
}

variable "keys" {
  description = "The region's keys for logs and for storage; the latter's policy lets cloudtrail.amazonaws.com and config.amazonaws.com use it"
  type = object({
    logs    = string
    storage = string
  })
}

variable "retention_days" {
  description = "How long nothing can be deleted from the trail's bucket, and both are kept"
  type        = number
  default     = 365

  validation {
    condition     = var.retention_days >= 90
    error_message = "Keep the audit trail for at least 90 days; a year is usual."
  }
}

variable "watched_bucket_arns" {
  description = "Buckets whose every read and write is recorded, too"
  type        = list(string)
  default     = []
}

variable "alarm_topic_arn" {
  description = "Where alarms go"
  type        = string
}

variable "tags" {
  description = "Tags of every resource"
  type        = map(string)
  default     = {}
}
