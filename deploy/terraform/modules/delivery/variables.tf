variable "name" {
  description = "Name of the pipeline and beginning of every other name: meridian-prod"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "Give a name of lower-case letters, digits and hyphens, for example meridian-prod."
  }
}

variable "environment" {
  description = "The environment that is delivered to"
  type        = string
}

variable "region" {
  description = "The master region, where the pipeline and the registry are"
  type        = string
}

variable "account_id" {
  description = "The account of the pipeline"
  type        = string
}

variable "source_repository" {
  description = "Where the source is: the provider's name for AWS CodeConnections, owner/name, and the branch that is delivered"
  type = object({
    provider = optional(string, "GitHub")
    id       = string
    branch   = optional(string, "main")
  })

  validation {
    condition     = can(regex("^[^/ ]+/[^/ ]+$", var.source_repository.id))
    error_message = "Name the repository as owner/name, for example your-organization/meridian."
  }
}

variable "repositories" {
  description = "Image repositories, below meridian/"
  type        = set(string)
}

variable "kept_images" {
  description = "How many images each repository keeps"
  type        = number
  default     = 100

  validation {
    condition     = var.kept_images >= 10
    error_message = "Keep at least 10 images, or there is nothing to roll back to."
  }
}

variable "regions" {
  description = "Where to deliver, in order; the next begins when the one before is done and somebody said yes. By region: the roles for planning and applying (module pipeline-identity), where things are handed on and which build installs the charts (module delivery-region)"
  type = list(object({
    region         = string
    role_arns      = object({ plan = string, apply = string })
    store          = object({ bucket = string, key_arn = string })
    deploy_project = string
  }))

  validation {
    condition     = contains([for row in var.regions : row.region], var.region)
    error_message = "The pipeline hands its source on in the master region: name it among the regions, which means delivery_order."
  }

  validation {
    condition     = length(var.regions) > 0 && length(distinct([for row in var.regions : row.region])) == length(var.regions)
    error_message = "Name each region once, in the order in which it gets a new version."
  }

  validation {
    condition     = alltrue(flatten([for row in var.regions : [for arn in values(row.role_arns) : can(regex("^arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9/_-]+$", arn))]]))
    error_message = "Give each region the ARNs of its roles; the module pipeline-identity makes them."
  }
}

variable "external_id" {
  description = "What the deploy roles ask for, so that nobody else can have our pipeline assume them"
  type        = string

  validation {
    condition     = length(var.external_id) >= 8
    error_message = "Give an external id of at least 8 characters, the one the deploy roles were made with."
  }
}

variable "keys" {
  description = "The master region's keys for logs, for storage, and for the topic that people are told by"
  type = object({
    logs      = string
    storage   = string
    messaging = string
  })
}

variable "approval_topic_arn" {
  description = "Where the people are told that a region waits for their word"
  type        = string
}

variable "tags" {
  description = "Tags of every resource"
  type        = map(string)
  default     = {}
}
