variable "global" {
  description = "What the stack global made."
  type        = object({ health_check_ids = map(string) })
}

variable "data_by_region" {
  description = "What the stack data made in each region."
  type = map(object({
    database     = object({ engine = string, identifier = string, instances = list(string) })
    cache        = object({ members = list(string) })
    kms_key_arns = map(string)
  }))
}

variable "messaging_by_region" {
  description = "What the stack messaging made in each region."
  type        = map(object({ queue_arns = map(string) }))
}

variable "platform_by_region" {
  description = "What the stack platform made in each region."
  type = map(object({
    cluster_name       = string
    pipeline_role_arns = object({ plan = string, apply = string })
    delivery = object({
      store          = object({ bucket = string, key_arn = string })
      deploy_project = string
    })
  }))
}

variable "edge_by_region" {
  description = "What the stack edge made in each region."
  type        = map(object({ load_balancer = string }))
}

variable "operations_by_region" {
  description = "What the stack operations made in each region."
  type        = map(object({ alarm_arns = list(string) }))
  default     = {}
}

variable "messaging_prefix" {
  description = "The services' MESSAGING_PREFIX."
  type        = string
  default     = "meridian"
}

variable "services" {
  description = "The services: folders under services/."
  type        = set(string)
  default     = ["auth", "user", "product", "cart", "order", "payment"]
}

variable "further_images" {
  description = "Images beside the services'."
  type        = set(string)
  default     = ["authorizer", "envoy", "tools"]
}

variable "source_repository" {
  description = "Where the source is that the pipeline delivers."
  type = object({
    provider = optional(string, "GitHub")
    id       = string
    branch   = optional(string, "main")
  })
}

variable "delivery_order" {
  description = "Which region gets a new version first, second, last: the smallest first, the master last."
  type        = list(string)

  validation {
    condition     = length(setsubtract(var.delivery_order, keys(var.regions))) == 0
    error_message = "delivery_order names a region that env.tfvars does not: correct one of them."
  }
}

variable "monthly_limit_usd" {
  description = "What a month may cost, in US dollars; docs/costs.md lists what it is made of."
  type        = number
}

variable "budget_emails" {
  description = "Who is told of costs."
  type        = list(string)
}
