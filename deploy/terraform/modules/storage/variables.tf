variable "name" {
  description = "Begins the buckets' names, <name>-<purpose>-<account>-<region>: meridian-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,17}$", var.name))
    error_message = "Give 3 to 18 lower-case letters, digits and hyphens, for example meridian-prod: with purpose, account and region a bucket's name must fit in 63."
  }
}

variable "region" {
  description = "The region of the buckets, the last part of their names."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "Give an AWS region such as us-east-1."
  }
}

variable "account_id" {
  description = "The account that owns the buckets."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "buckets" {
  description = "By purpose: which key encrypts it, who delivers to or reads from it (cloudfront, logs), and how its objects age (days; null: never)."
  type = map(object({
    key                     = string
    access                  = optional(string, "none")
    infrequent_days         = optional(number)
    archive_days            = optional(number)
    expire_days             = optional(number)
    noncurrent_expire_days  = optional(number, 90)
    noncurrent_archive_days = optional(number)
  }))
  default = {
    static-assets = { key = "storage", access = "cloudfront" }
    logs          = { key = "storage", access = "logs", infrequent_days = 30, archive_days = 90, expire_days = 400 }
    backups       = { key = "storage", infrequent_days = 30, archive_days = 90, expire_days = 2555, noncurrent_archive_days = 30, noncurrent_expire_days = 365 }
    warehouse     = { key = "warehouse", infrequent_days = 90, archive_days = 365 }
  }

  validation {
    condition     = alltrue([for purpose in ["static-assets", "logs", "backups", "warehouse"] : contains(keys(var.buckets), purpose)])
    error_message = "Keep the buckets static-assets, logs, backups and warehouse; other stacks write to them."
  }

  validation {
    condition     = alltrue([for bucket in var.buckets : contains(["none", "cloudfront", "logs"], bucket.access)])
    error_message = "A bucket's access is none, cloudfront (reads it) or logs (AWS services deliver to it)."
  }

  validation {
    condition = alltrue([for bucket in var.buckets :
      coalesce(bucket.infrequent_days, 30) >= 30
      && coalesce(bucket.archive_days, 100000) >= coalesce(bucket.infrequent_days, 0) + 30
      && coalesce(bucket.expire_days, 100000) > coalesce(bucket.archive_days, bucket.infrequent_days, 0)
    ])
    error_message = "Objects age in order: infrequent access after 30 days or more, the archive at least 30 days later, expiry after both."
  }
}

variable "kms_key_arns" {
  description = "ARN of each key the buckets name."
  type        = map(string)

  validation {
    condition     = alltrue([for arn in values(var.kms_key_arns) : can(regex("^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/", arn))])
    error_message = "Give ARNs of customer managed keys: CloudFront and other regions cannot read with the AWS managed one."
  }
}

variable "replicate_to" {
  description = "By purpose: the bucket in another region that receives a copy, and the key there. Empty for the copies themselves."
  type        = map(object({ arn = string, kms_key_arn = string }))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.replicate_to), keys(var.buckets))) == 0
    error_message = "Only buckets of this module can be replicated: name purposes of var.buckets."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every bucket."
  type        = map(string)
  default     = {}
}
