# What exists once, in the master region, and looks at all of them: dashboards, the delivery pipeline with its registry, budgets.

locals {
  name    = "meridian-${var.environment}"
  applied = [for region in var.delivery_order : region if contains(keys(var.platform_by_region), region)]
}

module "hub" {
  source = "../../modules/observability-hub"

  name             = local.name
  messaging_prefix = var.messaging_prefix
  queues           = keys(local.queue_arns)
  services         = sort(var.services)
  alarm_topic_arn  = "arn:aws:sns:${var.region}:${var.account_id}:${local.name}-alarms"
  tags             = var.tags

  regions = {
    for region, edge in var.edge_by_region : region => {
      load_balancer   = edge.load_balancer
      database        = var.data_by_region[region].database
      cache_nodes     = var.data_by_region[region].cache.members
      log_group       = "/aws/containerinsights/${var.platform_by_region[region].cluster_name}/application"
      health_check_id = lookup(var.global.health_check_ids, region, null)
      alarm_arns      = try(var.operations_by_region[region].alarm_arns, [])
    }
  }
}

locals {
  queue_arns = var.messaging_by_region[var.region].queue_arns
}

module "delivery" {
  source = "../../modules/delivery"

  name               = local.name
  environment        = var.environment
  region             = var.region
  account_id         = var.account_id
  source_repository  = var.source_repository
  repositories       = setunion(var.services, var.further_images)
  external_id        = "${local.name}-deploy" # as the regions' roles ask (stack platform)
  approval_topic_arn = "arn:aws:sns:${var.region}:${var.account_id}:${local.name}-alarms"
  tags               = var.tags

  keys = {
    logs      = var.data_by_region[var.region].kms_key_arns["logs"]
    storage   = var.data_by_region[var.region].kms_key_arns["storage"]
    messaging = var.data_by_region[var.region].kms_key_arns["messaging"]
  }
  regions = [
    for region in local.applied : {
      region         = region
      role_arns      = var.platform_by_region[region].pipeline_role_arns
      store          = var.platform_by_region[region].delivery.store
      deploy_project = var.platform_by_region[region].delivery.deploy_project
    }
  ]
}

module "budgets" {
  source = "../../modules/budgets"

  name              = local.name
  environment       = var.environment
  monthly_limit_usd = var.monthly_limit_usd
  emails            = var.budget_emails
  tags              = var.tags
}
