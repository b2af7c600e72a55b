variable "name" {
  description = "Prefix of every name, for example meridian-prod-us-east-1."
  type        = string
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
  description = "The AWS account's twelve digits: the endpoints serve its principals alone."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is twelve digits: aws sts get-caller-identity --query Account."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "The app tier's subnets, one per zone: each gets an address of every interface endpoint."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) == 3
    error_message = "subnet_ids names the app tier's three subnets, one per availability zone."
  }
}

variable "route_table_ids" {
  description = "Route tables that reach S3 through the gateway endpoint: those of the app and the data tier."
  type        = list(string)
}

variable "security_group_id" {
  description = "The security group of the interface endpoints."
  type        = string
}

variable "interface_services" {
  description = "AWS services reached without the internet."
  type        = set(string)
  default = [
    "appconfigdata", "autoscaling", "ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "elasticloadbalancing", "kms", "logs", "monitoring",
    "secretsmanager", "sns", "sqs", "ssm", "sts", "xray",
  ]

  validation {
    condition     = length(setsubtract(["appconfigdata", "ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sns", "sqs", "sts"], var.interface_services)) == 0
    error_message = "interface_services must hold at least appconfigdata, ecr.api, ecr.dkr, kms, logs, secretsmanager, sns, sqs and sts: the services call them all the time."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
