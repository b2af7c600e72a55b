variable "network" {
  description = "The region's network: output of stack network."
  type = object({
    vpc_id             = string
    app_subnet_ids     = list(string)
    security_group_ids = map(string)
  })
}

variable "data" {
  description = "What the region keeps: output of stack data."
  type = object({
    kms_key_arns       = map(string)
    secret_arns        = map(map(string))
    shared_secret_arns = map(string)
  })
}

variable "messaging" {
  description = "Topics and queues: output of stack messaging."
  type = object({
    topic_arns            = map(string)
    queue_arns            = map(string)
    dead_letter_arns      = map(string)
    publisher_topics      = map(list(string))
    consumer_queues       = map(list(string))
    consumer_dead_letters = map(list(string))
    command_queues        = map(list(string))
  })
}

variable "node_groups" {
  description = "Node groups by name; see modules/cluster. Sizes are nodes."
  type = map(object({
    instance_type = string
    min           = number
    max           = number
    disk_gib      = optional(number, 50)
  }))
  default = {
    general = { instance_type = "m5.large", min = 3, max = 12 }
    compute = { instance_type = "c5.xlarge", min = 3, max = 24 }
    memory  = { instance_type = "r5.2xlarge", min = 0, max = 6 }
  }

  validation {
    condition     = var.environment != "prod" || try(var.node_groups["general"].min >= 3, false)
    error_message = "Production needs a general node in each of the three zones: set node_groups.general.min to at least 3 in environments/prod/platform.tfvars."
  }
}

variable "access_entries" {
  description = "People and roles who may use the Kubernetes API; see modules/cluster. The pipeline's role is there already."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
  default = {}

  validation {
    condition     = var.environment != "prod" || anytrue([for entry in values(var.access_entries) : contains(["AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy"], entry.policy)])
    error_message = "Nobody could repair production's cluster: name a role of people with AmazonEKSClusterAdminPolicy in access_entries of environments/prod/platform.tfvars."
  }
}

variable "public_access_cidrs" {
  description = "Who may reach the Kubernetes API from the internet, such as the addresses of your VPN. Empty: nobody; docs/runbooks/README.md says how people come in."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.public_access_cidrs : try(tonumber(split("/", cidr)[1]) >= 24, false)])
    error_message = "public_access_cidrs holds your own addresses, networks of at most 256 of them such as 203.0.113.0/24: correct environments/<environment>/platform.tfvars, or leave it empty."
  }
}

variable "pipeline_account_id" {
  description = "The account whose builds plan and apply; null: the environment's own, where the stack observability makes the pipeline."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^[0-9]{12}$", coalesce(var.pipeline_account_id, var.account_id)))
    error_message = "pipeline_account_id is twelve digits, or null for the environment's own account."
  }
}

variable "state_bucket" {
  description = "The bucket in backend.hcl, which the pipeline reads and writes; null: meridian-<environment>-terraform-state."
  type        = string
  default     = null
}

variable "log_days" {
  description = "How many days the control plane's log is kept."
  type        = number
  default     = 365
}
