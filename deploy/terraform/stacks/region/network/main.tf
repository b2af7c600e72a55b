# One region's network. What differs between regions is a row of values.

locals {
  name = "meridian-${var.environment}-${var.region}"
  row  = var.regions[var.region]

  prefix_list_names = {
    cloudfront      = "com.amazonaws.global.cloudfront.origin-facing"
    health_checkers = "com.amazonaws.${var.region}.route53-healthchecks"
  }

  # Their ids differ from region to region and only AWS knows them. Where it is not asked, ids that are nobody's stand in.
  prefix_list_ids = merge(
    { cloudfront = "pl-00000000", health_checkers = "pl-00000000" },
    { for who, list in data.aws_ec2_managed_prefix_list.amazon : who => list.id },
  )
}

data "aws_ec2_managed_prefix_list" "amazon" {
  for_each = var.emulator_endpoint == null ? local.prefix_list_names : {}
  name     = each.value
}

module "network" {
  source = "../../../modules/network"

  name         = local.name
  region       = var.region
  account_id   = var.account_id
  cidr         = local.row.cidr
  azs          = local.row.azs
  cluster_name = local.name
  nat_gateways = var.nat_gateways
  flow_logs    = { retention_days = var.flow_log_days }
  tags         = var.tags

  permissions_boundary = local.permissions_boundary
}

module "security" {
  source = "../../../modules/network-security"

  name            = local.name
  vpc_id          = module.network.vpc_id
  subnet_ids      = module.network.subnet_ids
  subnet_cidrs    = module.network.subnet_cidrs
  prefix_list_ids = local.prefix_list_ids
  tags            = var.tags
}

module "endpoints" {
  source = "../../../modules/vpc-endpoints"

  name              = local.name
  region            = var.region
  account_id        = var.account_id
  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.subnet_ids.app
  route_table_ids   = concat(module.network.route_table_ids.app, module.network.route_table_ids.data)
  security_group_id = module.security.security_group_ids["endpoints"]
  tags              = var.tags
}
