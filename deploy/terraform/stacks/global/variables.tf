variable "asset_copy_region" {
  description = "Where the master's buckets have their copies: copy_regions of stack data."
  type        = string
  default     = "us-west-2"

  validation {
    condition     = var.asset_copy_region != var.region
    error_message = "A copy in the same region is lost with it: asset_copy_region is another one."
  }
}

variable "routing" {
  description = "By region: the continents it answers first, its weight, and its turn when others fail (0 is first)."
  type = map(object({
    continents = list(string)
    weight     = number
    turn       = number
  }))
  default = {
    us-east-1  = { continents = ["NA", "SA"], weight = 100, turn = 0 }
    eu-west-1  = { continents = ["EU", "AF"], weight = 100, turn = 1 }
    ap-south-1 = { continents = ["AS", "OC"], weight = 100, turn = 2 }
  }

  validation {
    condition     = toset(keys(var.routing)) == toset(keys(var.regions))
    error_message = "Every region needs its row in routing, and no other has one: see environments/<environment>/global.tfvars."
  }
}

variable "routing_policy" {
  description = "How CloudFront chooses a region: latency, geolocation, weighted or failover."
  type        = string
  default     = "latency"
}

variable "bot_control" {
  description = "Bot control at CloudFront: COMMON, TARGETED, or null (it costs by the request)."
  type        = string
  default     = "COMMON"

  validation {
    condition     = var.environment != "prod" || var.bot_control != null
    error_message = "prod has bot control: COMMON or TARGETED."
  }
}

variable "shield_advanced" {
  description = "Shield Advanced for CloudFront and the zone: 3,000 dollars a month, for a year."
  type        = bool
  default     = false
}

variable "origin_secret" {
  description = "What CloudFront says to the origin: export TF_VAR_origin_secret=$(openssl rand -hex 32). Never in a file."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.emulator_endpoint != null || try(length(var.origin_secret) >= 32, false)
    error_message = "origin_secret is missing or has fewer than 32 characters: export TF_VAR_origin_secret=$(openssl rand -hex 32)."
  }
}

variable "origin_secret_previous" {
  description = "The other secret that origins believe while it is being changed, the next or the one before (docs/runbooks/rotate.md); null otherwise."
  type        = string
  default     = null
  sensitive   = true
}

variable "origin_secret_version" {
  description = "Raise it by one whenever the secret is changed: Terraform does not keep the stored value and cannot see the difference."
  type        = number
  default     = 1
}
