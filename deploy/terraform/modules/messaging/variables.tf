variable "prefix" {
  description = "Put before every name of the routing file: order-events becomes meridian-order-events. The services' MESSAGING_PREFIX."
  type        = string
  default     = "meridian"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.prefix))
    error_message = "Give a prefix of 2 to 20 lower-case letters, digits and hyphens that begins with a letter, the same as the services' MESSAGING_PREFIX."
  }
}

variable "region" {
  description = "The region of these topics and queues; `process` subscriptions take its own events only."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "Give an AWS region such as us-east-1."
  }
}

variable "regions" {
  description = "Every active region: `replica` subscriptions carry events between them."
  type        = set(string)

  validation {
    condition     = contains(var.regions, var.region)
    error_message = "Add the region itself to the regions; a topic of an unknown region would replicate to nobody."
  }
}

variable "account_id" {
  description = "The account, for the ARNs of other regions' queues and of the services' roles."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "role_prefix" {
  description = "The services' roles are <role_prefix>-<service>, and <role_prefix>-warehouse reads what comes from other regions: only the publisher may publish to its topic, only senders may send commands."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]{3,50}$", var.role_prefix))
    error_message = "Give the prefix of the roles made by service-identity, for example meridian-prod-us-east-1."
  }
}

variable "kms_key_arn" {
  description = "Encrypts topics and queues; its policy must let sns.amazonaws.com of this account use it."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "Give the ARN of a customer managed key; with the AWS managed one SNS cannot write to encrypted queues."
  }
}

variable "alarm_topic_arn" {
  description = "Where alarms go. Null makes none, for an emulator that cannot keep them."
  type        = string

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:aws:sns:[a-z0-9-]+:[0-9]{12}:", var.alarm_topic_arn))
    error_message = "Give the ARN of an SNS topic that somebody reads."
  }
}

variable "thresholds" {
  description = "When to wake somebody: age of the oldest message (seconds) and messages waiting."
  type = object({
    age_seconds = optional(number, 300)
    depth       = optional(number, 10000)
  })
  default = {}

  validation {
    condition     = var.thresholds.age_seconds >= 60 && var.thresholds.age_seconds <= 3600
    error_message = "Alarm on an age between 60 and 3600 seconds: below it every deployment alarms, above it customers tell us first."
  }

  validation {
    condition     = var.thresholds.depth >= 1
    error_message = "Alarm on at least one waiting message."
  }
}

variable "routing_file" {
  description = "The routing file; the one the services read unless a test gives another."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
