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

variable "cloudfront_prefix_list_id" {
  description = "The region's prefix list com.amazonaws.global.cloudfront.origin-facing; null lets everybody reach port 443, where the origin secret is still asked for."
  type        = string
  default     = null

  validation {
    condition     = var.cloudfront_prefix_list_id == null || can(regex("^pl-[0-9a-f]{8,17}$", var.cloudfront_prefix_list_id))
    error_message = "cloudfront_prefix_list_id looks like pl-3b927c52: aws ec2 describe-managed-prefix-lists --filters Name=prefix-list-name,Values=com.amazonaws.global.cloudfront.origin-facing."
  }
}

variable "health_checker_cidrs" {
  description = "Where Route 53's health checkers ask from: service ROUTE53_HEALTHCHECKS of https://ip-ranges.amazonaws.com/ip-ranges.json, IPv4."
  type        = set(string)
  default = [
    "15.177.0.0/18", "54.183.255.128/26", "54.228.16.0/26", "54.232.40.64/26", "54.241.32.64/26", "54.243.31.192/26",
    "54.244.52.192/26", "54.245.168.0/26", "54.248.220.0/26", "54.250.253.192/26", "54.251.31.128/26", "54.252.79.128/26",
    "54.252.254.192/26", "54.255.254.192/26", "107.23.255.0/26", "176.34.159.192/26", "177.71.207.128/26",
  ]

  validation {
    condition     = length(var.health_checker_cidrs) > 0 && length(var.health_checker_cidrs) <= 40 && alltrue([for cidr in var.health_checker_cidrs : can(cidrhost(cidr, 0)) && cidr != "0.0.0.0/0"])
    error_message = "health_checker_cidrs holds 1 to 40 addresses such as 15.177.0.0/18; never 0.0.0.0/0."
  }
}

variable "ports" {
  description = "Where the gateway (shape a), Istio's ingress gateway (shape b), the database and the cache listen."
  type = object({
    gateway        = optional(number, 8080)
    gateway_status = optional(number, 8081)
    ingress        = optional(number, 80)
    ingress_status = optional(number, 15021)
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
