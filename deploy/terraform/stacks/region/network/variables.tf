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

variable "cloudfront_prefix_list_ids" {
  description = "By region, the prefix list com.amazonaws.global.cloudfront.origin-facing. AWS tells its id only by a call: aws ec2 describe-managed-prefix-lists."
  type        = map(string)
  default     = {}

  validation {
    condition     = var.environment != "prod" || contains(keys(var.cloudfront_prefix_list_ids), var.region)
    error_message = "prod needs the region's prefix list, else everybody reaches the load balancer: add it to environments/prod/network.tfvars (aws ec2 describe-managed-prefix-lists --filters Name=prefix-list-name,Values=com.amazonaws.global.cloudfront.origin-facing)."
  }
}
