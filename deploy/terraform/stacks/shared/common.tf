# What every stack is told. Terraform lets no root module take variables from another, so this file is written once, here,
# and each stack holds a link to it: what is not copied cannot differ. The same goes for providers.tf and versions.tf.

variable "environment" {
  description = "dev, staging or prod."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment is dev, staging or prod: the folder of environments/ whose values are used."
  }
}

variable "region" {
  description = "The region this stack is applied in: a key of regions."
  type        = string

  validation {
    condition     = contains(keys(var.regions), var.region)
    error_message = "There is no such region: choose a key of regions, or add its row to environments/<environment>/env.tfvars."
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
    condition     = alltrue([for row in values(var.regions) : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", row.endpoint)) && endswith(row.endpoint, ".${var.domain}")])
    error_message = "Each region's endpoint is a host name in the domain, such as api-us.example.com: its certificate is proven there."
  }

  validation {
    condition     = alltrue([for region, row in var.regions : length(distinct(row.azs)) == 3 && alltrue([for az in row.azs : can(regex("^${region}[a-z]$", az))])])
    error_message = "Each region has three zones of its own, such as us-east-1a, us-east-1b, us-east-1c: aws ec2 describe-availability-zones --region <region>."
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

locals {
  # The most that a role may be given; the stack global makes it, and the pipeline makes no role without it.
  permissions_boundary = "arn:aws:iam::${var.account_id}:policy/meridian-${var.environment}-boundary"
}
