variable "name" {
  description = "Prefix of every name, for example meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name is 3 to 31 small letters, digits and hyphens and begins with a letter, for example meridian-prod-us-east-1."
  }
}

variable "region" {
  description = "The AWS region, for example us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "region is the name of an AWS region, for example us-east-1."
  }
}

variable "cidr" {
  description = "The VPC's addresses: a private /16 that no other region uses, so that regions can be peered."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16") && try(cidrhost(var.cidr, 0) == split("/", var.cidr)[0], false)
    error_message = "cidr must be a /16 that begins at its network address, for example 10.0.0.0/16; the subnet plan needs its third octet."
  }

  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.cidr))
    error_message = "cidr must be private (RFC 1918): choose a free 10.x.0.0/16."
  }
}

variable "azs" {
  description = "The three availability zones, in the order of the subnets."
  type        = list(string)

  validation {
    condition     = length(var.azs) == 3 && length(distinct(var.azs)) == 3
    error_message = "azs names three different availability zones, for example [\"us-east-1a\", \"us-east-1b\", \"us-east-1c\"]."
  }

  validation {
    condition     = alltrue([for az in var.azs : startswith(az, var.region)])
    error_message = "azs must lie in the region: their names begin with it."
  }
}

variable "subnets" {
  description = "Third octets of the /24 subnets of each tier, one per availability zone."
  type = object({
    public = list(number)
    app    = list(number)
    data   = list(number)
  })
  default = {
    public = [1, 2, 3]
    app    = [10, 11, 12]
    data   = [20, 21, 22]
  }

  validation {
    condition     = alltrue([for octets in values(var.subnets) : length(octets) == 3])
    error_message = "subnets needs three octets per tier: one /24 in each availability zone."
  }

  validation {
    condition     = length(distinct(flatten(values(var.subnets)))) == length(flatten(values(var.subnets)))
    error_message = "subnets overlap: give each /24 of the three tiers a third octet of its own."
  }

  validation {
    condition     = alltrue([for octet in flatten(values(var.subnets)) : octet >= 0 && octet <= 255 && floor(octet) == octet])
    error_message = "subnets holds third octets: whole numbers from 0 to 255."
  }
}

variable "nat_gateways" {
  description = "How many NAT gateways: 3 (one per zone, so that a lost zone takes no other with it) or 1 (cheaper, for dev)."
  type        = number
  default     = 3

  validation {
    condition     = contains([1, 3], var.nat_gateways)
    error_message = "nat_gateways is 3 (one per availability zone) or 1 (one for all, for environments that may be down)."
  }
}

variable "cluster_name" {
  description = "The EKS cluster whose load balancers may use the subnets."
  type        = string
}

variable "flow_logs" {
  description = "Flow logs: how many days they are kept, and the KMS key they are encrypted with (null: CloudWatch's own)."
  type = object({
    retention_days = optional(number, 365)
    kms_key_arn    = optional(string)
  })
  default = {}

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.flow_logs.retention_days)
    error_message = "flow_logs.retention_days must be one that CloudWatch Logs knows, for example 30, 90 or 365."
  }
}

variable "account_id" {
  description = "The AWS account's twelve digits: flow logs are accepted from it alone."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is twelve digits: aws sts get-caller-identity --query Account."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
