variable "nat_gateways" {
  description = "NAT gateways: 3, one per zone, or 1 where the environment may be down."
  type        = number
  default     = 3

  validation {
    condition     = var.nat_gateways == 3 || (var.nat_gateways == 1 && var.environment != "prod")
    error_message = "nat_gateways is 3 in prod, so that no zone hangs on another; dev and staging may have 1."
  }
}

variable "flow_log_days" {
  description = "How many days flow logs are kept."
  type        = number
  default     = 365
}
