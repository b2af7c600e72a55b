variable "namespace" {
  description = "The private domain of the region's service names, for example meridian.internal."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.namespace))
    error_message = "namespace is a private domain such as meridian.internal."
  }

  validation {
    condition     = !endswith(var.namespace, ".local")
    error_message = "namespace may not end in .local: that is multicast DNS, and cluster.local is Kubernetes' own."
  }
}

variable "vpc_id" {
  description = "The VPC in which the names are known."
  type        = string
}

variable "services" {
  description = "Names registered in it, one per service."
  type        = set(string)
  default     = ["auth", "user", "product", "cart", "order", "payment"]

  validation {
    condition     = length(var.services) > 0 && alltrue([for service in var.services : can(regex("^[a-z][a-z0-9-]{1,62}$", service))])
    error_message = "services are names of small letters, digits and hyphens, for example order."
  }
}

variable "ttl_seconds" {
  description = "How long an answer may be remembered: what a client goes on calling after a pod has gone."
  type        = number
  default     = 10

  validation {
    condition     = var.ttl_seconds >= 1 && var.ttl_seconds <= 60
    error_message = "ttl_seconds is 1 to 60: pods come and go by the minute."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
