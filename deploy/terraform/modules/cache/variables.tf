variable "name" {
  description = "Names the replication group and begins the names of its users: meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,31}$", var.name)) && !strcontains(var.name, "--")
    error_message = "Give 3 to 32 lower-case letters, digits and single hyphens: ElastiCache allows 40 with the service's name."
  }
}

variable "environment" {
  description = "dev, staging or prod; production has at least three shards with two replicas each."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "The environment is dev, staging or prod."
  }
}

variable "engine" {
  description = "valkey, or redis: they speak the same protocol."
  type        = string
  default     = "valkey"

  validation {
    condition     = contains(["valkey", "redis"], var.engine)
    error_message = "The engine is valkey or redis."
  }
}

variable "sizes" {
  description = "Class of every node, shards, and replicas beside each shard's primary."
  type = object({
    node_type = optional(string, "cache.r7g.large")
    shards    = optional(number, 3)
    replicas  = optional(number, 2)
  })
  default = {}

  validation {
    condition     = startswith(var.sizes.node_type, "cache.")
    error_message = "Give a node type such as cache.r7g.large."
  }

  validation {
    condition     = var.environment != "prod" || (var.sizes.shards >= 3 && var.sizes.replicas >= 2)
    error_message = "Production needs at least 3 shards with 2 replicas each; choose dev or staging for less."
  }

  validation {
    condition     = var.sizes.shards >= 1 && var.sizes.replicas >= 1 && var.sizes.replicas <= 5
    error_message = "Give at least one shard and 1 to 5 replicas: without a replica there is no failover."
  }
}

variable "network" {
  description = "The data subnets, one in each of three zones, and the cache's security group."
  type = object({
    subnet_ids        = list(string)
    security_group_id = string
  })

  validation {
    condition     = length(distinct(var.network.subnet_ids)) >= 3
    error_message = "Give a data subnet in each of three availability zones: a shard's nodes are spread over them."
  }
}

variable "kms_key_arns" {
  description = "Keys of the data at rest and of the log groups."
  type = object({
    cache = string
    logs  = string
  })

  validation {
    condition     = alltrue([for arn in values(var.kms_key_arns) : can(regex("^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/", arn))])
    error_message = "Give ARNs of customer managed keys."
  }
}

variable "snapshot_days" {
  description = "How long daily snapshots are kept. What is in the cache can be rebuilt; a snapshot saves the warm-up."
  type        = number
  default     = 7

  validation {
    condition     = var.snapshot_days >= 1 && var.snapshot_days <= 35
    error_message = "Keep snapshots for 1 to 35 days."
  }
}

variable "log_days" {
  description = "How long the slow log and the engine's log are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400], var.log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or 400 days."
  }
}

variable "services" {
  description = "Who has a user, and the key patterns beside its own (limit:<service>:*, cache:<service>:*); who may not write session:* may read it."
  type        = map(list(string))
  default = {
    auth    = ["session:*", "sessions-of:*"]
    user    = []
    product = []
    cart    = []
    order   = []
    payment = []
  }

  validation {
    condition     = alltrue(flatten([for patterns in values(var.services) : [for pattern in patterns : length(pattern) > 2 && endswith(pattern, ":*")]]))
    error_message = "Give key patterns with a prefix, such as sessions-of:*; a service that may touch every key may read everybody's sessions."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
