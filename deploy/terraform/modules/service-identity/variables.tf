variable "name" {
  description = "Begins the names of the roles, the chart's aws.rolePrefix: meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]{3,45}$", var.name))
    error_message = "Give 3 to 45 lower-case letters, digits and hyphens, the same as the chart's aws.rolePrefix."
  }
}

variable "region" {
  description = "The region the services run in: they use keys through its SNS, SQS and Secrets Manager only."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "Give an AWS region such as us-east-1."
  }
}

variable "account_id" {
  description = "The account of the cluster and the roles."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "cluster" {
  description = "Whose pods may take the roles: the cluster's name, its IAM OIDC provider, and the issuer without https://."
  type = object({
    name              = string
    oidc_provider_arn = string
    oidc_issuer       = string
    namespace         = optional(string, "meridian")
  })

  validation {
    condition     = !startswith(var.cluster.oidc_issuer, "https://")
    error_message = "Give the issuer without https://, as IAM's condition keys have it."
  }
}

variable "messaging" {
  description = "The output of stack messaging: ARNs by name, who publishes, reads and sends what; and the key of topics and queues."
  type = object({
    topic_arns            = map(string)
    queue_arns            = map(string)
    dead_letter_arns      = map(string)
    publisher_topics      = map(list(string))
    consumer_queues       = map(list(string))
    consumer_dead_letters = map(list(string))
    command_queues        = map(list(string))
    kms_key_arn           = string
  })

  validation {
    condition     = length(setsubtract(flatten(values(var.messaging.consumer_queues)), keys(var.messaging.queue_arns))) == 0
    error_message = "A service reads a queue that has no ARN: apply stack messaging first."
  }
}

variable "secrets" {
  description = "The outputs secret_arns and shared_secret_arns of stack data, other secrets the cluster reads (the gateway's), and their keys."
  type = object({
    arns         = map(map(string))
    shared_arns  = map(string)
    further_arns = optional(list(string), [])
    kms_key_arns = list(string)
  })

  validation {
    condition     = alltrue([for own in values(var.secrets.arns) : length(setsubtract(["settings", "identity"], keys(own))) == 0])
    error_message = "Every service needs the secrets settings and identity: apply stack data first."
  }
}

variable "personal_key_arn" {
  description = "The key that wraps the services' data keys: the output kms_key_arns of stack data, purpose personal."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.personal_key_arn))
    error_message = "Give the ARN of the KMS key for personal data: apply stack data first."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "mail" {
  description = "The domain mails come from, an identity of SES in this region (modules/mail-identity), the configuration set they are sent with, and the service that sends them as shop@ it."
  type = object({
    domain            = string
    configuration_set = string
    service           = optional(string, "user")
  })

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.mail.domain))
    error_message = "mail.domain is a domain such as example.com, the one the chart's MAIL_FROM ends with."
  }
}

variable "tags" {
  description = "Tags of every role."
  type        = map(string)
  default     = {}
}
