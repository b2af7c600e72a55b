variable "name" {
  description = "Names the configuration set, for example meridian-prod: the chart's MAIL_CONFIGURATION_SET."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name is up to 64 letters, digits, hyphens and underscores, for example meridian-prod."
  }
}

variable "domain" {
  description = "The domain mails come from, for example example.com: the chart's MAIL_FROM ends with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain))
    error_message = "domain is a domain such as example.com, without an address before it."
  }
}

variable "hosted_zone_id" {
  description = "The domain's hosted zone: output of stack global."
  type        = string
}

variable "tags" {
  description = "Tags of the identity."
  type        = map(string)
  default     = {}
}
