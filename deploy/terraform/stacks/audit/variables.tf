variable "data" {
  description = "What the stack data of the master region made."
  type = object({
    kms_key_arns = map(string)
    buckets = map(object({
      arn = string
    }))
  })
}

variable "retention_days" {
  description = "How long nothing can be deleted from the trail's bucket."
  type        = number
  default     = 365
}
