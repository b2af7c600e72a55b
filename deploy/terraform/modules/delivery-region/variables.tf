variable "name" {
  description = "Name of the region's cluster and beginning of every other name: meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,45}$", var.name))
    error_message = "Give a name of lower-case letters, digits and hyphens, for example meridian-prod-us-east-1."
  }
}

variable "pipeline" {
  description = "The pipeline's name (module delivery): meridian-prod."
  type        = string
}

variable "environment" {
  description = "The environment that is delivered to."
  type        = string
}

variable "region" {
  description = "The region of cluster, build and store."
  type        = string
}

variable "account_id" {
  description = "The region's account."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is twelve digits: aws sts get-caller-identity --query Account."
  }
}

variable "cluster_name" {
  description = "The cluster that the charts go to."
  type        = string
}

variable "external_id" {
  description = "What the role for deploying asks for (module pipeline-identity)."
  type        = string
}

variable "network" {
  description = "The VPC and its app subnets, and the security groups of control plane and interface endpoints, which the build is let into."
  type = object({
    vpc_id                      = string
    subnet_ids                  = list(string)
    cluster_security_group_id   = string
    endpoints_security_group_id = string
  })

  validation {
    condition     = length(var.network.subnet_ids) > 0
    error_message = "Give the app subnets, which reach the cluster and, through NAT, the sources of charts: apply stack network first."
  }
}

variable "keys" {
  description = "The region's keys for logs and storage."
  type = object({
    logs    = string
    storage = string
  })
}

variable "kept_images" {
  description = "How many images each copied repository keeps."
  type        = number
  default     = 100

  validation {
    condition     = var.kept_images >= 10
    error_message = "Keep at least 10 images, or there is nothing to roll back to."
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
