variable "name" {
  description = "Prefix of every name, for example meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name is 3 to 31 small letters, digits and hyphens and begins with a letter, for example meridian-prod-us-east-1."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets by tier: public, app, data."
  type        = map(list(string))

  validation {
    condition     = toset(keys(var.subnet_ids)) == toset(["public", "app", "data"])
    error_message = "subnet_ids needs exactly the tiers public, app and data (network's output subnet_ids)."
  }
}

variable "subnet_cidrs" {
  description = "Addresses of the subnets by tier: network ACLs know no security groups."
  type        = map(list(string))

  validation {
    condition     = toset(keys(var.subnet_cidrs)) == toset(["public", "app", "data"]) && alltrue([for cidr in flatten(values(var.subnet_cidrs)) : can(cidrhost(cidr, 0))])
    error_message = "subnet_cidrs needs addresses such as 10.0.1.0/24 for exactly the tiers public, app and data (network's output subnet_cidrs)."
  }
}

variable "prefix_list_ids" {
  description = "Who may come in from outside, by Amazon's own lists: com.amazonaws.global.cloudfront.origin-facing and com.amazonaws.<region>.route53-healthchecks."
  type = object({
    cloudfront      = string
    health_checkers = string
  })

  validation {
    condition     = alltrue([for id in values(var.prefix_list_ids) : can(regex("^pl-[0-9a-f]{8,17}$", id))])
    error_message = "prefix_list_ids are ids such as pl-0123456789abcdef0: aws ec2 describe-managed-prefix-lists --filters Name=owner-id,Values=AWS."
  }
}

variable "ports" {
  description = "Where the gateway (shape a), Istio's ingress gateway (shape b), the database and the cache listen."
  type = object({
    gateway        = optional(number, 8080)
    gateway_status = optional(number, 8081)
    ingress        = optional(number, 443)
    database       = optional(number, 5432)
    cache          = optional(number, 6379)
  })
  default = {}

  validation {
    condition     = alltrue([for port in values(var.ports) : port >= 1 && port <= 65535])
    error_message = "ports are numbers from 1 to 65535."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
