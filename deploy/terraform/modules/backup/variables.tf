variable "name" {
  description = "Name of the plan, and value of the tag `backup` of what it saves: meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{1,50}$", var.name))
    error_message = "Give 1 to 50 letters, digits, dots, hyphens and underscores."
  }
}

variable "account_id" {
  description = "The account AWS Backup acts for."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Give the twelve digits of the AWS account."
  }
}

variable "vaults" {
  description = "The vault of this region by name, and the one in the copy region by ARN."
  type = object({
    own_name = string
    own_arn  = string
    copy_arn = string
  })

  validation {
    condition     = can(regex("^arn:aws:backup:", var.vaults.copy_arn)) && try(split(":", var.vaults.copy_arn)[3] != split(":", var.vaults.own_arn)[3], false)
    error_message = "Give a vault in another region for the copies: what is lost with the region is no backup."
  }
}

variable "rules" {
  description = "When to save (cron, UTC), and the days a recovery point is kept here and in the copy region."
  type = map(object({
    schedule       = string
    keep_days      = number
    copy_keep_days = number
  }))
  default = {
    daily   = { schedule = "cron(0 1 * * ? *)", keep_days = 35, copy_keep_days = 35 }
    monthly = { schedule = "cron(0 2 1 * ? *)", keep_days = 365, copy_keep_days = 365 }
  }

  validation {
    condition     = length(var.rules) > 0 && alltrue([for rule in values(var.rules) : rule.keep_days >= 7 && rule.copy_keep_days >= 7 && rule.keep_days <= 2555 && rule.copy_keep_days <= 2555])
    error_message = "Keep recovery points for 7 to 2555 days: the vaults are locked to that."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : can(regex("^cron\\(.+\\)$", rule.schedule))])
    error_message = "Give schedules as cron(minute hour day month weekday year), in UTC."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of plan and role."
  type        = map(string)
  default     = {}
}
