variable "data" {
  description = "What the stack data made."
  type = object({
    database     = object({ engine = string, identifier = string, instances = list(string) })
    cache        = object({ id = string, members = list(string) })
    buckets      = map(object({ name = string }))
    kms_key_arns = map(string)
    backup       = object({ vault_name = string, export_group = optional(string) })
  })
}

variable "messaging" {
  description = "What the stack messaging made."
  type = object({
    topic_arns = map(string)
    queue_arns = map(string)
    alarm_arns = map(string)
  })
}

variable "platform" {
  description = "What the stack platform made."
  type        = object({ cluster_name = string, service_role_arns = map(string) })
}

variable "edge" {
  description = "What the stack edge made."
  type        = object({ load_balancer = string })
}

variable "audit" {
  description = "What the stack audit made."
  type = object({
    bucket_names   = map(string)
    bucket_key_arn = string
  })
}

variable "master_region" {
  description = "The region that reads every region's warehouse and records IAM."
  type        = string
  default     = "us-east-1"
}

variable "services" {
  description = "The services: folders under services/."
  type        = set(string)
  default     = ["auth", "user", "product", "cart", "order", "payment"]
}

variable "alarm_emails" {
  description = "Who is told of alarms."
  type        = list(string)
}

variable "log_days" {
  description = "How many days logs are kept where they can be searched."
  type        = number
  default     = 30
}

variable "errors_per_five_minutes" {
  description = "A service that logs more errors than this in five minutes is in alarm."
  type        = number
  default     = 10
}

variable "least_database_memory_bytes" {
  description = "The writer is in alarm below this much free memory: a sixteenth of what its class has."
  type        = number
  default     = 8589934592
}

variable "most_database_connections" {
  description = "The writer is in alarm above this many connections: four fifths of what its class grants."
  type        = number
  default     = 4000
}

variable "flags" {
  description = "Feature flags: what each does, whether it is on by default, and whether it is on now where that differs."
  type = map(object({
    description = string
    default     = bool
    enabled     = optional(bool)
  }))
}

variable "flag_rollout_minutes" {
  description = "How long a changed flag takes to reach every caller."
  type        = number
  default     = 20
}

variable "watched_accounts" {
  description = "Other accounts that show their metrics and logs here."
  type        = list(string)
  default     = []
}

variable "monitoring_sinks" {
  description = "Sinks of other accounts that this one shows itself to: by region, then by name."
  type        = map(map(string))
  default     = {}
}
