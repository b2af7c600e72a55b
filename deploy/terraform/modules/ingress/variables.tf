variable "name" {
  description = "The load balancer's name, for example meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,31}$", var.name)) && !endswith(var.name, "-") && !startswith(var.name, "internal-")
    error_message = "name is 3 to 32 small letters, digits and hyphens, begins with a letter, does not end with a hyphen and does not begin with internal-."
  }
}

variable "internal" {
  description = "Whether it answers inside the VPC alone (shape b, behind API Gateway) or on the internet (shape a, behind CloudFront)."
  type        = bool
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Three subnets, one per zone: the public tier's, or the app tier's for an internal one."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) == 3
    error_message = "subnet_ids names three subnets, one per availability zone."
  }
}

variable "security_group_ids" {
  description = "The load balancer's security groups."
  type        = list(string)
}

variable "certificate_arn" {
  description = "The certificate for the host names, of the same region."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+", var.certificate_arn))
    error_message = "certificate_arn is missing: the load balancer serves TLS alone. Make one with the module certificate, or give the ARN of an ACM certificate of the same region."
  }
}

variable "host_names" {
  description = "The names it answers to; everything else gets 403."
  type        = list(string)

  validation {
    condition     = length(var.host_names) >= 1 && length(var.host_names) <= 3
    error_message = "host_names holds one to three names: with the origin secret's two values that is all that a rule of the load balancer can hold."
  }
}

variable "origin_header" {
  description = "The header that proves that a request came through CloudFront and its values (the present one, and the one before while it is being changed); null where the network alone decides who comes."
  type = object({
    name   = string
    values = list(string)
  })
  default   = null
  sensitive = true

  validation {
    condition     = var.origin_header == null || try(contains([1, 2], length(var.origin_header.values)) && alltrue([for value in var.origin_header.values : length(value) >= 32]), false)
    error_message = "origin_header needs one or two values of 32 or more characters: openssl rand -hex 32."
  }
}

variable "target" {
  description = "Where pods listen, where they say that they are ready, and the path the health checkers of Route 53 ask."
  type = object({
    port        = number
    status_port = number
    status_path = string
  })
  default = {
    port        = 8080
    status_port = 8081
    status_path = "/ready"
  }
}

variable "web_acl_arn" {
  description = "The firewall in front of it; null for an internal one, whose firewall stands at API Gateway."
  type        = string
  default     = null
}

variable "access_log_bucket" {
  description = "The bucket access and connection logs are written to; null for none."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether a destroy is refused until this is set to false and applied."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
