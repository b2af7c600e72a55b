variable "name" {
  description = "Name of the application in AppConfig: meridian-prod"
  type        = string
}

variable "environment" {
  description = "The environment the flags belong to"
  type        = string
}

variable "flags" {
  description = "Every flag: what it does, whether it is on by default, and whether it is on now where that differs"
  type = map(object({
    description = string
    default     = bool
    enabled     = optional(bool)
  }))

  validation {
    condition     = alltrue([for name, flag in var.flags : can(regex("^[a-z][a-z0-9_]{1,63}$", name)) && length(flag.description) > 0])
    error_message = "Name flags in lower-case letters, digits and underscores, such as guest_checkout, and say what each does."
  }
}

variable "rollout_minutes" {
  description = "How long a change takes to reach every caller"
  type        = number
  default     = 20

  validation {
    condition     = var.rollout_minutes >= 0 && var.rollout_minutes <= 1440
    error_message = "Roll flags out in 0 (at once) to 1440 minutes."
  }
}

variable "bake_minutes" {
  description = "How long alarms are watched after that"
  type        = number
  default     = 10
}

variable "alarms" {
  description = "Alarms that take a change back, and the roles AppConfig reads them with, by name"
  type = map(object({
    alarm_arn = string
    role_arn  = string
  }))
  default = {}
}

variable "reader_roles" {
  description = "Names of the roles that read the flags, by whose they are"
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Tags of every resource"
  type        = map(string)
  default     = {}
}
