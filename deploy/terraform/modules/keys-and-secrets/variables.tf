variable "name" {
  description = "Begins the aliases of the keys: meridian-prod."
  type        = string
  default     = "meridian-prod"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Give a name of lower-case letters, digits and hyphens, for example meridian-prod."
  }
}

variable "region" {
  description = "The region of the keys; CloudWatch Logs is a principal of its own in each region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "Give an AWS region such as us-east-1."
  }
}

variable "account_id" {
  description = "The account whose roles use the keys, as far as their own policies allow."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "keys" {
  description = "One key per purpose: what it protects, and the AWS services that use it on their own behalf (without a role of ours)."
  type = map(object({
    description = string
    services    = optional(list(string), [])
  }))
  default = {
    database  = { description = "Aurora or RDS: storage, snapshots, performance insights" }
    cache     = { description = "ElastiCache: memory on disk, snapshots" }
    messaging = { description = "SNS topics and SQS queues, alarm topics", services = ["sns.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com", "backup.amazonaws.com"] }
    storage   = { description = "S3: static assets, logs, database backups", services = ["cloudfront.amazonaws.com", "delivery.logs.amazonaws.com", "logging.s3.amazonaws.com", "cloudtrail.amazonaws.com", "config.amazonaws.com"] }
    warehouse = { description = "S3 and Glue: the data warehouse" }
    secrets   = { description = "Secrets Manager, the database administrator's password" }
    logs      = { description = "CloudWatch log groups", services = ["logs"] }
    backup    = { description = "AWS Backup vaults" }
    personal  = { description = "the services' data keys: personal data in columns, signing keys" }
  }

  validation {
    condition     = alltrue([for purpose in ["database", "cache", "messaging", "storage", "secrets", "logs", "backup", "personal"] : contains(keys(var.keys), purpose)])
    error_message = "Keep a key for each of database, cache, messaging, storage, secrets, logs, backup and personal: whoever may read one need not read all."
  }
}

variable "rotation_days" {
  description = "How often AWS makes new key material; what was encrypted before stays readable."
  type        = number
  default     = 365

  validation {
    condition     = var.rotation_days >= 90 && var.rotation_days <= 365
    error_message = "Rotate keys every 90 to 365 days."
  }
}

variable "secret_prefix" {
  description = "Where the chart looks for secrets: meridian/prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$", var.secret_prefix))
    error_message = "Give the chart's secrets.prefix, for example meridian/prod, without a slash at the end."
  }
}

variable "services" {
  description = "Who has secrets of its own: <prefix>/<service>/{settings,migrator,identity}."
  type        = set(string)
  default     = ["auth", "user", "product", "cart", "order", "payment"]

  validation {
    condition     = length(var.services) > 0
    error_message = "Name at least one service."
  }
}

variable "copy" {
  description = "Where secrets are replicated, and the replica of the secrets key there."
  type = object({
    region  = string
    key_arn = string
  })
}

variable "recovery_days" {
  description = "How long a deleted secret can be brought back, and a deleted key is kept."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days >= 7 && var.recovery_days <= 30
    error_message = "AWS keeps deleted keys and secrets for 7 to 30 days; give a number between them."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
