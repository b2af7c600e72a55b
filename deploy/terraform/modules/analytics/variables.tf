variable "name" {
  description = "Name of the delivery stream, the database and the workgroup: meridian-prod"
  type        = string
}

variable "region" {
  description = "The region whose events are kept"
  type        = string
}

variable "account_id" {
  description = "The account whose roles write"
  type        = string
}

variable "regions" {
  description = "Regions whose warehouses the table reads: the region itself, or all of them"
  type        = list(string)

  validation {
    condition     = contains(var.regions, var.region)
    error_message = "Add the region itself to the regions, or its own events are found by no query."
  }
}

variable "warehouse" {
  description = "The region's warehouse bucket and its key"
  type = object({
    name    = string
    key_arn = string
  })

  validation {
    condition     = strcontains(var.warehouse.name, var.region)
    error_message = "The warehouse's name contains its region (meridian-prod-warehouse-111122223333-us-east-1): that is how the table finds the other regions'."
  }
}

variable "logs_key_arn" {
  description = "The region's key for log groups"
  type        = string
}

variable "topic_arns" {
  description = "Topics whose events are kept, by name"
  type        = map(string)
}

variable "replicas" {
  description = "The queue that other regions' topics deliver to, and its key"
  type = object({
    queue_arn     = string
    queue_key_arn = string
  })
}

variable "buffer_seconds" {
  description = "How long Firehose collects before it writes a file"
  type        = number
  default     = 300

  validation {
    condition     = var.buffer_seconds >= 60 && var.buffer_seconds <= 900
    error_message = "Collect events for 60 to 900 seconds: smaller files make every query slower."
  }
}

variable "first_day" {
  description = "The first day there are events of"
  type        = string
  default     = "2026-01-01"

  validation {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", var.first_day))
    error_message = "Write the first day as 2026-01-31."
  }
}

variable "most_gigabytes_per_query" {
  description = "A query that reads more is stopped"
  type        = number
  default     = 100

  validation {
    condition     = var.most_gigabytes_per_query >= 1
    error_message = "Let a query read at least one gigabyte."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource"
  type        = map(string)
  default     = {}
}
