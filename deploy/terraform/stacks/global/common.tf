# What every stack is told, the same in each.

variable "environment" {
  description = "dev, staging or prod."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment is dev, staging or prod: the folder of environments/ whose values are used."
  }
}

variable "regions" {
  description = "Every region of the environment: its network, its zones, its public address."
  type = map(object({
    cidr     = string
    azs      = list(string)
    endpoint = string
  }))

  validation {
    condition     = alltrue([for row in values(var.regions) : can(cidrhost(row.cidr, 0)) && endswith(row.cidr, "/16")])
    error_message = "Each region's cidr is a /16 such as 10.1.0.0/16: correct environments/<environment>/env.tfvars."
  }

  validation {
    condition     = length(distinct([for row in values(var.regions) : try(cidrsubnet(row.cidr, 0, 0), row.cidr)])) == length(var.regions)
    error_message = "Two regions overlap: give each a /16 of its own (10.0.0.0/16, 10.1.0.0/16, ...), else they can never be peered."
  }

  validation {
    condition     = alltrue([for row in values(var.regions) : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", row.endpoint))])
    error_message = "Each region's endpoint is a host name such as api-us.example.com."
  }
}

variable "domain" {
  description = "The domain of the public names, for example example.com."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain))
    error_message = "domain is a domain you own, in small letters, for example example.com."
  }
}

variable "account_id" {
  description = "The AWS account's twelve digits; Terraform refuses to touch another account."
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

variable "emulator_endpoint" {
  description = "Where an emulator of AWS listens, for example http://127.0.0.1:4566; null means AWS."
  type        = string
  default     = null
}
