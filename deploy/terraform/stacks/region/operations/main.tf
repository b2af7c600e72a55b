# What watches a region and what asks it questions: alarms and logs, events in the warehouse, feature flags, AWS Config.

locals {
  name = "meridian-${var.environment}"

  # Where the cluster's agent (add-on amazon-cloudwatch-observability) writes.
  agent = "/aws/containerinsights/${var.platform.cluster_name}"
}

module "observability" {
  source = "../../../modules/observability"

  name       = local.name
  account_id = var.account_id
  keys       = { logs = var.data.kms_key_arns["logs"], messaging = var.data.kms_key_arns["messaging"] }
  log_groups = {
    "${local.agent}/application" = var.log_days
    "${local.agent}/dataplane"   = var.log_days
    "${local.agent}/host"        = var.log_days
    "${local.agent}/performance" = var.log_days
  }
  application_log_group   = "${local.agent}/application"
  services                = var.services
  alarm_emails            = var.alarm_emails
  alarms                  = local.alarms
  queue_alarm_names       = [for arn in values(var.messaging.alarm_arns) : split(":", arn)[6]]
  errors_per_five_minutes = var.errors_per_five_minutes
  backup_vault_name       = var.data.backup.vault_name
  watched_accounts        = var.watched_accounts
  monitoring_sinks        = lookup(var.monitoring_sinks, var.region, {})
  tags                    = var.tags
}

module "log_archive" {
  source = "../../../modules/log-archive"

  name                 = local.name
  region               = var.region
  account_id           = var.account_id
  log_groups           = [module.observability.application_log_group]
  permissions_boundary = local.permissions_boundary
  bucket               = { name = var.data.buckets["logs"].name, key_arn = var.data.kms_key_arns["storage"] }
  logs_key_arn         = var.data.kms_key_arns["logs"]
  tags                 = var.tags
}

module "analytics" {
  source = "../../../modules/analytics"

  name         = local.name
  region       = var.region
  account_id   = var.account_id
  regions      = var.region == var.master_region ? keys(var.regions) : [var.region]
  warehouse    = { name = var.data.buckets["warehouse"].name, key_arn = var.data.kms_key_arns["warehouse"] }
  logs_key_arn = var.data.kms_key_arns["logs"]
  topic_arns   = var.messaging.topic_arns
  replicas     = { queue_arn = var.messaging.queue_arns["replicas"], queue_key_arn = var.data.kms_key_arns["messaging"] }
  tags         = var.tags

  permissions_boundary = local.permissions_boundary
}

module "config_recorder" {
  source = "../../../modules/config-recorder"

  name                 = local.name
  region               = var.region
  account_id           = var.account_id
  bucket_name          = var.audit.bucket_names["config"]
  bucket_key_arn       = var.audit.bucket_key_arn
  records_global_types = var.region == var.master_region
  tags                 = var.tags

  permissions_boundary = local.permissions_boundary
}

module "feature_flags" {
  source = "../../../modules/feature-flags"

  name            = local.name
  environment     = var.environment
  flags           = var.flags
  rollout_minutes = var.flag_rollout_minutes
  reader_roles    = { for service, arn in var.platform.service_role_arns : service => element(split("/", arn), 1) }
  alarms = {
    does-not-sell = {
      alarm_arn = module.observability.composite_alarm_arns["does-not-sell"]
      role_arn  = aws_iam_role.flags.arn
    }
  }
  tags = var.tags
}

resource "aws_iam_role" "flags" {
  name               = "${local.name}-${var.region}-flags"
  description        = "AppConfig looks at the alarms that take a flag back"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = var.tags

  permissions_boundary = local.permissions_boundary
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["appconfig.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_iam_role_policy" "flags" {
  name   = "look"
  role   = aws_iam_role.flags.id
  policy = data.aws_iam_policy_document.look.json
}

# Composite alarms are described to nobody whose right is narrower than all alarms.
data "aws_iam_policy_document" "look" {
  statement {
    sid       = "Look"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["*"]
  }
}
