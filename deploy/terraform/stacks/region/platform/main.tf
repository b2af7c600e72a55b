# One region's cluster, the services' roles in it, and their names outside it.

locals {
  name = "meridian-${var.environment}-${var.region}"
}

module "discovery" {
  source = "../../../modules/service-discovery"

  namespace = "meridian.internal"
  vpc_id    = var.network.vpc_id
  services  = keys(var.data.secret_arns)
  tags      = var.tags
}

module "cluster" {
  source = "../../../modules/cluster"

  name               = local.name
  region             = var.region
  account_id         = var.account_id
  subnet_ids         = var.network.app_subnet_ids
  security_group_ids = { cluster = var.network.security_group_ids["cluster"], nodes = var.network.security_group_ids["nodes"] }
  node_groups        = var.node_groups
  logs               = { retention_days = var.log_days, kms_key_arn = var.data.kms_key_arns["logs"] }
  tags               = var.tags

  access_entries = merge(var.access_entries, {
    deployer = { principal_arn = module.pipeline.role_arns["deploy"], policy = "AmazonEKSClusterAdminPolicy" }
  })

  controllers = {
    queue_arns     = values(var.messaging.queue_arns)
    namespace_arns = [module.discovery.namespace_arn]
  }
}

module "identity" {
  source = "../../../modules/service-identity"

  name       = local.name
  region     = var.region
  account_id = var.account_id
  cluster    = { name = module.cluster.name, oidc_provider_arn = module.cluster.oidc.provider_arn, oidc_issuer = module.cluster.oidc.issuer }
  messaging  = merge(var.messaging, { kms_key_arn = var.data.kms_key_arns["messaging"] })
  tags       = var.tags

  personal_key_arn = var.data.kms_key_arns["personal"]

  secrets = {
    arns        = var.data.secret_arns
    shared_arns = var.data.shared_secret_arns
    # The gateway's secret is the master's, replicated here under the same name.
    further_arns = ["arn:aws:secretsmanager:${var.region}:${var.account_id}:secret:meridian/${var.environment}/gateway/origin-??????"]
    kms_key_arns = [var.data.kms_key_arns["secrets"]]
  }
}

module "pipeline" {
  source = "../../../modules/pipeline-identity"

  name         = local.name
  environment  = var.environment
  region       = var.region
  account_id   = var.account_id
  cluster_name = local.name
  state_bucket = coalesce(var.state_bucket, "meridian-${var.environment}-terraform-state")
  pipeline     = { account_id = var.account_id, name = "meridian-${var.environment}", external_id = "meridian-${var.environment}-deploy" }
  tags         = var.tags
}
