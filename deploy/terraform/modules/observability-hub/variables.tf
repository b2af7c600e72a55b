variable "name" {
  description = "Begins every name here: meridian-prod"
  type        = string
}

variable "regions" {
  description = "What to look at in each region: the load balancer as CloudWatch names it (app/name/id), the database with its engine and instances, the cache's nodes, the application's log group, its alarms and health check"
  type = map(object({
    load_balancer   = string
    database        = object({ engine = string, identifier = string, instances = list(string) })
    cache_nodes     = list(string)
    log_group       = string
    health_check_id = optional(string)
    alarm_arns      = optional(list(string), [])
  }))

  validation {
    condition     = length(var.regions) > 0
    error_message = "Apply at least one region before its dashboards: make tf env=... region=us-east-1 stack=operations do=apply."
  }

  validation {
    condition     = alltrue([for row in var.regions : can(regex("^app/", row.load_balancer))])
    error_message = "Give load balancers as CloudWatch names them: what follows loadbalancer/ in the ARN, such as app/meridian-prod/50dc6c495c0c9188."
  }
}

variable "messaging_prefix" {
  description = "The services' MESSAGING_PREFIX"
  type        = string
}

variable "queues" {
  description = "Queues of the routing file, without the prefix"
  type        = list(string)
}

variable "services" {
  description = "Services whose errors are shown"
  type        = list(string)
}

variable "alarm_topic_arn" {
  description = "Where global alarms go: the master region's topic"
  type        = string
}

variable "tags" {
  description = "Tags of every resource"
  type        = map(string)
  default     = {}
}
