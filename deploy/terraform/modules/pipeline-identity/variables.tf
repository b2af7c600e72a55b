variable "name" {
  description = "Beginning of the roles' names: meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,50}$", var.name))
    error_message = "Give a name of lower-case letters, digits and hyphens, for example meridian-prod-us-east-1."
  }
}

variable "environment" {
  description = "dev, staging or prod: whose states the pipeline reads."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "The environment is dev, staging or prod."
  }
}

variable "region" {
  description = "The region the pipeline changes with these roles."
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

variable "state_bucket" {
  description = "The bucket of Terraform's states."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket is the name in environments/<environment>/backend.hcl, for example meridian-prod-terraform-state."
  }
}

variable "state_region" {
  description = "The bucket's region: region in backend.hcl."
  type        = string
  default     = "us-east-1"
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds every role the pipeline makes (module permissions-boundary)."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:iam::[0-9]{12}:policy/[A-Za-z0-9/_-]+$", var.permissions_boundary))
    error_message = "Give the ARN of the boundary that the stack global makes: without one the pipeline could make itself an administrator."
  }
}

variable "pipeline" {
  description = "The pipeline: its account, its name (module delivery), and the external id its builds name."
  type = object({
    account_id  = string
    name        = string
    external_id = string
  })

  validation {
    condition     = can(regex("^[0-9]{12}$", var.pipeline.account_id))
    error_message = "Give the twelve digits of the account the pipeline runs in."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@:/-]{16,128}$", var.pipeline.external_id))
    error_message = "Give an external id of 16 to 128 characters: it keeps other customers of the pipeline's account out."
  }
}

variable "tags" {
  description = "Tags of every role."
  type        = map(string)
  default     = {}
}
