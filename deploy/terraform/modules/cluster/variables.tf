variable "name" {
  description = "The cluster's name and the prefix of every other, for example meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name is 3 to 31 small letters, digits and hyphens and begins with a letter, for example meridian-prod-us-east-1."
  }
}

variable "region" {
  description = "The AWS region, for example us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "region is the name of an AWS region, for example us-east-1."
  }
}

variable "account_id" {
  description = "The AWS account's twelve digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is twelve digits: aws sts get-caller-identity --query Account."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes, minor version. The chart needs 1.34 (native preStop sleep)."
  type        = string
  default     = "1.34"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version)) && try(tonumber(split(".", var.kubernetes_version)[1]) >= 34, false)
    error_message = "kubernetes_version is 1.34 or newer: the chart uses the native preStop sleep."
  }
}

variable "subnet_ids" {
  description = "The app tier's subnets, one per zone: nodes, pods and the control plane's network interfaces."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) == 3
    error_message = "subnet_ids names the app tier's three subnets, one per availability zone."
  }
}

variable "security_group_ids" {
  description = "The security groups of the control plane and of the nodes."
  type = object({
    cluster = string
    nodes   = string
  })
}

variable "node_groups" {
  description = "Node groups by name: the label meridian.example.com/node-group carries it. Sizes are nodes; the cluster autoscaler moves between them."
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
    condition     = length(setsubtract(["general", "compute", "memory"], keys(var.node_groups))) == 0
    error_message = "node_groups needs general, compute and memory: the chart's workloads choose among them."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : group.min >= 0 && group.max >= 1 && group.min <= group.max])
    error_message = "A node group's min may not exceed its max, and max is at least 1."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : group.disk_gib >= 20])
    error_message = "A node group's disk_gib is at least 20: images and logs of its pods lie there."
  }
}

variable "public_access_cidrs" {
  description = "Who may reach the Kubernetes API from the internet. Empty: nobody, it answers inside the VPC alone."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.public_access_cidrs : can(cidrhost(cidr, 0)) && cidr != "0.0.0.0/0"])
    error_message = "public_access_cidrs holds addresses such as 203.0.113.0/24, never 0.0.0.0/0: leave it empty and come through the VPC."
  }
}

variable "access_entries" {
  description = "Who may use the Kubernetes API, by any name: the IAM principal, EKS's access policy (such as AmazonEKSViewPolicy), and the namespaces it holds in (empty: all)."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for entry in values(var.access_entries) : can(regex("^arn:aws:iam::[0-9]{12}:(role|user)/.+", entry.principal_arn))])
    error_message = "An access entry's principal_arn is an IAM role or user, for example arn:aws:iam::111122223333:role/operators."
  }

  validation {
    condition     = alltrue([for entry in values(var.access_entries) : contains(["AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy", "AmazonEKSEditPolicy", "AmazonEKSViewPolicy", "AmazonEKSAdminViewPolicy"], entry.policy)])
    error_message = "An access entry's policy is one of AmazonEKSClusterAdminPolicy, AmazonEKSAdminPolicy, AmazonEKSEditPolicy, AmazonEKSViewPolicy, AmazonEKSAdminViewPolicy."
  }
}

variable "logs" {
  description = "The control plane's log: days it is kept, and the KMS key it is encrypted with (null: CloudWatch's own)."
  type = object({
    retention_days = optional(number, 365)
    kms_key_arn    = optional(string)
  })
  default = {}
}

variable "queue_arns" {
  description = "The queues whose length scales workers."
  type        = list(string)
  default     = []
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
