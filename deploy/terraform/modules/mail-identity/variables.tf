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
