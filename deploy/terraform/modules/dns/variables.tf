variable "name" {
  description = "Prefix of every name, for example meridian-prod."
  type        = string
}

variable "domain" {
  description = "The domain, for example example.com."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain))
    error_message = "domain is a domain you own, in small letters, for example example.com."
  }
}

variable "account_id" {
  description = "The AWS account's twelve digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is twelve digits: aws sts get-caller-identity --query Account."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
