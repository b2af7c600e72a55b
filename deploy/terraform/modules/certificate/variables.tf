variable "domain_name" {
  description = "The name the certificate is for, for example api.example.com."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain_name))
    error_message = "domain_name is a host name in small letters, for example api.example.com; a certificate for * is not needed."
  }
}

variable "alternative_names" {
  description = "Further names on the same certificate, in the same hosted zone."
  type        = set(string)
  default     = []
}

variable "proven_elsewhere" {
  description = "Names whose proof another certificate of the account keeps in the zone: a proof is the same in every region, and whoever destroys one region may not take it from the others."
  type        = set(string)
  default     = []

  validation {
    condition     = !contains(var.proven_elsewhere, var.domain_name)
    error_message = "The certificate's own name is proven here: leave it out of proven_elsewhere."
  }
}

variable "hosted_zone_id" {
  description = "The hosted zone in which ACM looks for the proof that the names are ours."
  type        = string

  validation {
    condition     = length(var.hosted_zone_id) > 0
    error_message = "hosted_zone_id is missing: apply the global stack first, its output has it."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
