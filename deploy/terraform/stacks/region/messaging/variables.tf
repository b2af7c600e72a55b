variable "data" {
  description = "The region's keys: output of stack data."
  type = object({
    kms_key_arns = map(string)
  })

  validation {
    condition     = can(var.data.kms_key_arns["messaging"])
    error_message = "There is no key for messages: apply stack data first."
  }
}

variable "messaging_prefix" {
  description = "Put before every name; the services' MESSAGING_PREFIX. Environments have accounts of their own, so it is the same in all."
  type        = string
  default     = "meridian"
}

variable "thresholds" {
  description = "When to wake somebody: age of the oldest message (seconds) and messages waiting."
  type = object({
    age_seconds = optional(number, 300)
    depth       = optional(number, 10000)
  })
  default = {}
}

variable "emulator_lacks" {
  description = "What the emulator cannot keep and is left out: alarms."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.emulator_lacks, ["alarms"])) == 0
    error_message = "Only alarms can be left out."
  }

  validation {
    condition     = length(var.emulator_lacks) == 0 || var.emulator_endpoint != null
    error_message = "In AWS nothing is left out: set emulator_lacks only together with emulator_endpoint."
  }
}
