variable "name" {
  description = "Names the cluster and everything of it: meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,50}$", var.name))
    error_message = "Give a name of lower-case letters, digits and hyphens, for example meridian-prod-us-east-1."
  }
}

variable "environment" {
  description = "dev, staging or prod; production may not run with fewer than ten replicas."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "The environment is dev, staging or prod."
  }
}

variable "engine" {
  description = "aurora-postgresql (a writer and readers on shared storage, readers scale by themselves) or postgres (RDS: a Multi-AZ primary and streaming replicas)."
  type        = string
  default     = "aurora-postgresql"

  validation {
    condition     = contains(["aurora-postgresql", "postgres"], var.engine)
    error_message = "The engine is aurora-postgresql, or postgres for plain RDS."
  }
}

variable "engine_version" {
  description = "The major version of PostgreSQL; minor ones are applied in the maintenance window."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^1[78]$", var.engine_version))
    error_message = "Give a major version alone, 17 or 18: the services need PostgreSQL 17, and minor versions come by themselves."
  }
}

variable "sizes" {
  description = "Class of every instance, read replicas beside the writer, the most readers auto scaling may make (Aurora), and the disk in GiB (plain RDS)."
  type = object({
    instance_class = optional(string, "db.r5.4xlarge")
    replicas       = optional(number, 10)
    most_replicas  = optional(number, 15)
    disk           = optional(number, 1000)
  })
  default = {}

  validation {
    condition     = startswith(var.sizes.instance_class, "db.")
    error_message = "Give an instance class such as db.r5.4xlarge."
  }

  validation {
    condition     = var.environment != "prod" || var.sizes.replicas >= 10
    error_message = "Production needs at least 10 read replicas (sizes.replicas); choose dev or staging for less."
  }

  validation {
    condition     = var.sizes.replicas >= 1 && var.sizes.replicas <= var.sizes.most_replicas && var.sizes.most_replicas <= 15
    error_message = "Give 1 to 15 replicas (AWS allows no more), and no fewer as the most that auto scaling may make."
  }

  validation {
    condition     = var.sizes.disk >= 400 || var.environment != "prod"
    error_message = "Production needs a disk of at least 400 GiB: gp3 gives 12,000 IOPS from there on."
  }
}

variable "network" {
  description = "Where the instances are: the VPC, its three availability zones, the data subnets in them, and the database's security group."
  type = object({
    vpc_id            = string
    azs               = list(string)
    subnet_ids        = list(string)
    security_group_id = string
  })

  validation {
    condition     = length(var.network.azs) >= 3 && length(distinct(var.network.subnet_ids)) >= 3
    error_message = "Give three availability zones and a data subnet in each: instances are spread over them."
  }
}

variable "kms_key_arns" {
  description = "Keys of the storage (also performance insights), the administrator's password, and the log groups."
  type = object({
    database = string
    secrets  = string
    logs     = string
  })

  validation {
    condition     = alltrue([for arn in values(var.kms_key_arns) : can(regex("^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/", arn))])
    error_message = "Give ARNs of customer managed keys: what the AWS managed one encrypts cannot be copied to another region."
  }
}

variable "retention" {
  description = "Days: how far back a point in time can be restored, log lines, performance insights (7, 731 or months of 31)."
  type = object({
    backup               = optional(number, 35)
    logs                 = optional(number, 365)
    performance_insights = optional(number, 465)
  })
  default = {}

  validation {
    condition     = var.retention.backup >= 7 && var.retention.backup <= 35
    error_message = "Point-in-time recovery reaches back 7 to 35 days; AWS Backup keeps longer."
  }

  validation {
    condition     = var.retention.performance_insights == 7 || var.retention.performance_insights == 731 || var.retention.performance_insights % 31 == 0
    error_message = "Performance insights are kept for 7 or 731 days, or a multiple of 31."
  }
}

variable "protected" {
  description = "Refuse to delete the database, and take a last snapshot if it must go. Turn it off first, apply, then destroy."
  type        = bool
  default     = true

  validation {
    condition     = var.protected || var.environment != "prod"
    error_message = "In production the database stays protected; to remove one on purpose see the runbook on destroying safely."
  }
}

variable "global" {
  description = "Join an Aurora global database: its identifier, and whether this region writes. Null: the region stands alone."
  type = object({
    identifier = string
    primary    = bool
  })
  default = null

  validation {
    condition     = var.global == null || var.engine == "aurora-postgresql"
    error_message = "Only Aurora has global databases: set engine to aurora-postgresql or global to null."
  }
}

variable "admin_password" {
  description = "The administrator's password where AWS cannot manage one (plain RDS with replicas, global databases); it is stored nowhere. Empty where AWS manages it."
  type        = string
  default     = ""
  nullable    = false
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = var.admin_password == "" || length(var.admin_password) >= 32
    error_message = "Give at least 32 random characters."
  }

  validation {
    condition     = var.admin_password != "" || (var.engine == "aurora-postgresql" && var.global == null)
    error_message = "AWS manages no password for plain RDS with read replicas nor for global databases: give one for this apply (TF_VAR_admin_password)."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
