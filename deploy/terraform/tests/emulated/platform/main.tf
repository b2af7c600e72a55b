# Stands in for the stack platform where nodes are only names: a cluster, and the services' identities on it.

variable "data" {
  type = object({
    kms_key_arns       = map(string)
    secret_arns        = map(map(string))
    shared_secret_arns = map(string)
  })
}

variable "messaging" {
  type = object({
    topic_arns            = map(string)
    queue_arns            = map(string)
    dead_letter_arns      = map(string)
    publisher_topics      = map(list(string))
    consumer_queues       = map(list(string))
    consumer_dead_letters = map(list(string))
    command_queues        = map(list(string))
  })
}

locals {
  name = "meridian-${var.environment}-${var.region}"
}

resource "aws_iam_role" "cluster" {
  name = "${local.name}-cluster"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "eks.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_eks_cluster" "this" {
  name     = local.name
  role_arn = aws_iam_role.cluster.arn

  vpc_config {
    subnet_ids = ["subnet-0000000000000010a", "subnet-0000000000000011a"]
  }
}

module "service_identity" {
  source = "../../../modules/service-identity"

  name       = local.name
  region     = var.region
  account_id = var.account_id
  cluster = {
    name              = aws_eks_cluster.this.name
    oidc_provider_arn = "arn:aws:iam::${var.account_id}:oidc-provider/oidc.eks.${var.region}.amazonaws.com/id/0"
    oidc_issuer       = "oidc.eks.${var.region}.amazonaws.com/id/0"
  }
  messaging        = merge(var.messaging, { kms_key_arn = var.data.kms_key_arns["messaging"] })
  personal_key_arn = var.data.kms_key_arns["personal"]
  mail             = { domain = var.domain, configuration_set = "meridian-${var.environment}" }
  secrets = {
    arns         = var.data.secret_arns
    shared_arns  = var.data.shared_secret_arns
    kms_key_arns = [var.data.kms_key_arns["secrets"]]
  }
  tags = var.tags
}

output "platform" {
  value = { service_role_arns = module.service_identity.role_arns }
}
