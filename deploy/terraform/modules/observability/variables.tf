variable "name" {
  description = "Begins every name here: meridian-prod"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Give a name of lower-case letters, digits and hyphens, for example meridian-prod."
  }
}

variable "account_id" {
  description = "The account whose alarms may use the topic"
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "keys" {
  description = "The region's keys for logs and messages"
  type = object({
    logs      = string
    messaging = string
  })
}

variable "log_groups" {
  description = "Log groups, and how many days each keeps what is in it"
  type        = map(number)

  validation {
    condition     = alltrue([for days in var.log_groups : contains([7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], days)])
    error_message = "CloudWatch keeps logs for certain numbers of days only: choose one of 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096 ..., never for ever."
  }
}

variable "application_log_group" {
  description = "The one of them that the services' lines go to"
  type        = string

  validation {
    condition     = contains(keys(var.log_groups), var.application_log_group)
    error_message = "The services' log group is one of log_groups: add it there, with the days it keeps."
  }
}

variable "services" {
  description = "Services whose errors are counted"
  type        = set(string)
}

variable "masked_data" {
  description = "CloudWatch's data identifiers that are masked in every log group"
  type        = list(string)
  default     = ["EmailAddress", "CreditCardNumber", "CreditCardSecurityCode", "IpAddress", "AwsSecretKey", "OpenSshPrivateKey", "PkcsPrivateKey", "PhoneNumber-US", "Address"]

  validation {
    condition     = length(setsubtract(["EmailAddress", "CreditCardNumber", "AwsSecretKey"], var.masked_data)) == 0
    error_message = "Keep at least EmailAddress, CreditCardNumber and AwsSecretKey masked."
  }
}

variable "alarm_emails" {
  description = "Who is told; each address confirms by a link"
  type        = list(string)

  validation {
    condition     = length(var.alarm_emails) > 0 && alltrue([for email in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "Name at least one e-mail address that alarms go to: an alarm nobody hears is none."
  }
}

variable "alarms" {
  description = "Metric alarms by name. layer edge, database and cache decide whether the region sells"
  type = map(object({
    layer          = string
    description    = string
    namespace      = string
    metric         = string
    dimensions     = map(string)
    statistic      = optional(string, "Average")
    threshold      = number
    below          = optional(bool, false)
    period_seconds = optional(number, 60)
    periods        = optional(number, 5)
    missing        = optional(string, "notBreaching")
  }))

  validation {
    condition     = alltrue([for alarm in var.alarms : contains(["edge", "database", "cache", "cluster", "backup", "mail"], alarm.layer)])
    error_message = "Give each alarm a layer: edge, database, cache, cluster, backup or mail."
  }

  validation {
    condition     = alltrue([for alarm in var.alarms : length(alarm.description) > 20])
    error_message = "Say in each alarm's description what is wrong and what to look at first: it is what the person sees who was woken."
  }
}

variable "backup_vault_name" {
  description = "The region's backup vault, whose failed jobs are told"
  type        = string
}

variable "queue_alarm_names" {
  description = "Names of the alarms of queues, dead letters and topics, for the composite alarm"
  type        = list(string)
  default     = []
}

variable "errors_per_five_minutes" {
  description = "A service that logs more errors than this in five minutes is in alarm"
  type        = number
  default     = 10
}

variable "watched_accounts" {
  description = "Other accounts that may show their metrics and logs here"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.watched_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "Give accounts by their twelve digits; a * would let anybody write into the monitoring account."
  }
}

variable "monitoring_sinks" {
  description = "Sinks of other accounts in this region that this account shows itself to, by name"
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Tags of every resource"
  type        = map(string)
  default     = {}
}
