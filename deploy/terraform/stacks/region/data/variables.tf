variable "network" {
  description = "The region's network: output of stack network."
  type = object({
    vpc_id             = string
    azs                = list(string)
    data_subnet_ids    = list(string)
    security_group_ids = map(string)
  })

  validation {
    condition     = length(var.network.data_subnet_ids) >= 3
    error_message = "The network has fewer than three data subnets: apply stack network first."
  }
}

variable "copy_regions" {
  description = "Where each region keeps its copies: another region of the same jurisdiction, because personal data does not leave it."
  type        = map(string)
  default = {
    us-east-1  = "us-west-2"
    eu-west-1  = "eu-central-1"
    ap-south-1 = "ap-south-2"
  }

  validation {
    condition     = contains(keys(var.copy_regions), var.region)
    error_message = "Name the region that keeps this region's copies: add it to copy_regions in environments/<environment>/data.tfvars."
  }

  validation {
    condition     = alltrue([for region, copy in var.copy_regions : region != copy])
    error_message = "A copy in the same region is lost with it: name another region of the same jurisdiction."
  }
}

variable "database" {
  description = "Engine (aurora-postgresql, or postgres for plain RDS), sizes, retention, protection: see modules/database."
  type = object({
    engine         = optional(string, "aurora-postgresql")
    engine_version = optional(string, "17")
    sizes = optional(object({
      instance_class = optional(string, "db.r5.4xlarge")
      replicas       = optional(number, 10)
      most_replicas  = optional(number, 15)
      disk           = optional(number, 1000)
    }), {})
    retention = optional(object({
      backup               = optional(number, 35)
      logs                 = optional(number, 365)
      performance_insights = optional(number, 465)
    }), {})
    protected = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.environment != "prod" || var.database.sizes.replicas >= 10
    error_message = "Production needs at least 10 read replicas: raise database.sizes.replicas in environments/prod/data.tfvars."
  }
}

variable "global_database" {
  description = "An Aurora global database over all regions, written in one. Null, the default: each region stands alone and no personal data leaves it."
  type = object({
    identifier     = string
    primary_region = string
  })
  default = null

  validation {
    condition     = var.global_database == null || contains(keys(var.regions), try(var.global_database.primary_region, ""))
    error_message = "The primary region of the global database is none of the regions: choose a key of regions."
  }
}

variable "admin_password" {
  description = "For plain RDS and global databases alone, where AWS manages no password: see modules/database. TF_VAR_admin_password, never a file."
  type        = string
  default     = ""
  nullable    = false
  sensitive   = true
  ephemeral   = true
}

variable "cache" {
  description = "Engine (valkey or redis), sizes, days of snapshots: see modules/cache."
  type = object({
    engine = optional(string, "valkey")
    sizes = optional(object({
      node_type = optional(string, "cache.r7g.large")
      shards    = optional(number, 3)
      replicas  = optional(number, 2)
    }), {})
    snapshot_days = optional(number, 7)
  })
  default = {}
}

variable "deletion" {
  description = "Days a deleted key or secret can be brought back, and the backup vaults' lock: whether it becomes final (false for what is meant to be destroyed), and after how many days."
  type = object({
    recovery_days       = optional(number, 30)
    lock_final          = optional(bool, true)
    lock_changeable_for = optional(number, 14)
  })
  default = {}

  validation {
    condition     = var.environment != "prod" || var.deletion.lock_final
    error_message = "In production the backup vaults' lock becomes final: set deletion.lock_final to true."
  }
}
