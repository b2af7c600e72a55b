# One region's cluster, the services' roles in it, and their names outside it.

locals {
  name     = "meridian-${var.environment}-${var.region}"
  pipeline = { name = "meridian-${var.environment}", external_id = "meridian-${var.environment}-deploy" } # stack observability
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

  public_access_cidrs  = var.public_access_cidrs
  permissions_boundary = local.permissions_boundary
  access_entries = merge(var.access_entries, {
    deployer = { principal_arn = module.pipeline.role_arns["deploy"], policy = "AmazonEKSClusterAdminPolicy" }
  })

  queue_arns = values(var.messaging.queue_arns)
}

module "identity" {
  source = "../../../modules/service-identity"

  name                 = local.name
  region               = var.region
  account_id           = var.account_id
  cluster              = { name = module.cluster.name, oidc_provider_arn = module.cluster.oidc.provider_arn, oidc_issuer = module.cluster.oidc.issuer }
  messaging            = merge(var.messaging, { kms_key_arn = var.data.kms_key_arns["messaging"] })
  permissions_boundary = local.permissions_boundary
  tags                 = var.tags

  personal_key_arn = var.data.kms_key_arns["personal"]
  mail             = { domain = var.domain, configuration_set = "meridian-${var.environment}" }

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

  name                 = local.name
  environment          = var.environment
  region               = var.region
  account_id           = var.account_id
  cluster_name         = local.name
  state_bucket         = coalesce(var.state_bucket, "meridian-${var.environment}-terraform-state")
  permissions_boundary = local.permissions_boundary
  pipeline             = merge(local.pipeline, { account_id = coalesce(var.pipeline_account_id, var.account_id) })
  tags                 = var.tags
}

module "delivery" {
  source = "../../../modules/delivery-region"

  name                 = local.name
  pipeline             = local.pipeline.name
  environment          = var.environment
  region               = var.region
  account_id           = var.account_id
  cluster_name         = module.cluster.name
  external_id          = local.pipeline.external_id
  keys                 = { logs = var.data.kms_key_arns["logs"], storage = var.data.kms_key_arns["storage"] }
  permissions_boundary = local.permissions_boundary
  tags                 = var.tags

  network = {
    vpc_id                      = var.network.vpc_id
    subnet_ids                  = var.network.app_subnet_ids
    cluster_security_group_id   = var.network.security_group_ids["cluster"]
    endpoints_security_group_id = var.network.security_group_ids["endpoints"]
  }
}
