variable "name" {
  description = "Name of the budget, such as meridian-prod"
  type        = string
}

variable "environment" {
  description = "The environment whose costs are counted: the value of the tag environment"
  type        = string
}

variable "monthly_limit_usd" {
  description = "What a month may cost, in US dollars"
  type        = number

  validation {
    condition     = var.monthly_limit_usd > 0
    error_message = "Give the budget a limit above 0 US dollars: docs/costs.md adds up what the environment is built of."
  }
}

variable "actual_thresholds" {
  description = "Percent of the limit at which the addresses are told"
  type        = list(number)
  default     = [50, 80, 100]
}

variable "anomaly_usd" {
  description = "A cost unlike the days before is reported from this many US dollars on"
  type        = number
  default     = 100
}

variable "emails" {
  description = "Who is told"
  type        = list(string)

  validation {
    condition     = length(var.emails) > 0 && alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "Name at least one e-mail address that hears of the costs, such as costs@example.com."
  }
}

variable "tags" {
  description = "Tags of every resource"
  type        = map(string)
  default     = {}
}
