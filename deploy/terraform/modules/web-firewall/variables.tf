variable "name" {
  description = "The firewall's name, for example meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,60}$", var.name))
    error_message = "name is 3 to 61 small letters, digits and hyphens and begins with a letter, for example meridian-prod."
  }
}

variable "scope" {
  description = "CLOUDFRONT (in us-east-1 alone) or REGIONAL (load balancers and API Gateway)."
  type        = string

  validation {
    condition     = contains(["CLOUDFRONT", "REGIONAL"], var.scope)
    error_message = "scope is CLOUDFRONT or REGIONAL."
  }
}

variable "rate_rules" {
  description = "Requests of one client address in the window, on paths that match one of the expressions: the rules of deploy/gateway/api-gateway-stage.json. For scope CLOUDFRONT, which sees the clients."
  type = list(object({
    name                      = string
    limit                     = number
    evaluation_window_seconds = number
    path_regexes              = list(string)
  }))
  default = []

  validation {
    condition     = var.scope == "CLOUDFRONT" || length(var.rate_rules) == 0
    error_message = "rate_rules belong to the firewall of scope CLOUDFRONT: behind it a client's address is what the client wrote."
  }

  validation {
    condition     = alltrue([for rule in var.rate_rules : rule.limit >= 10 && contains([60, 120, 300, 600], rule.evaluation_window_seconds)])
    error_message = "A rate rule's limit is at least 10 and its window 60, 120, 300 or 600 seconds: AWS WAF knows no others."
  }

  validation {
    condition     = alltrue([for rule in var.rate_rules : length(rule.path_regexes) > 0])
    error_message = "A rate rule names at least one path."
  }
}

variable "flood_limit" {
  description = "Requests of one client address in five minutes, whatever it asks for."
  type        = number
  default     = 300000

  validation {
    condition     = var.flood_limit >= 100
    error_message = "flood_limit is at least 100 requests in five minutes."
  }
}

variable "bot_control" {
  description = "Bot control: COMMON (who says that it is a bot), TARGETED (who hides it, dearer), or null."
  type        = string
  default     = null

  validation {
    condition     = var.bot_control == null || contains(["COMMON", "TARGETED"], coalesce(var.bot_control, "COMMON"))
    error_message = "bot_control is COMMON, TARGETED or null."
  }
}

variable "origin_header" {
  description = "The header that proves that a request came through CloudFront, and the values it may have (the present one, and the one before while it is being changed); null asks for none."
  type = object({
    name        = string
    values      = list(string)
    health_path = optional(string, "/ready")
  })
  default   = null
  sensitive = true

  validation {
    condition     = var.origin_header == null || try(length(var.origin_header.values) > 0 && alltrue([for value in var.origin_header.values : length(value) >= 32]), false)
    error_message = "origin_header needs at least one value of 32 or more characters: openssl rand -hex 32."
  }
}

variable "log_retention_days" {
  description = "How many days blocked and counted requests are kept."
  type        = number
  default     = 90
}

variable "log_kms_key_arn" {
  description = "The KMS key of the log (null: CloudWatch's own)."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
