# Feature flags in AppConfig: the flags are values in Git, rolled out slowly, and taken back by themselves when the region's
# alarm sounds. Each region has its own copy, so that a flag can be read when every other region is gone. Every service reads
# them in the background and asks through OpenFeature (libs/flags); what a flag is called, says and is by default stands in
# services/*/flags.py, to which a test holds the values here.

resource "aws_appconfig_application" "this" {
  name        = var.name
  description = "Feature flags of the shop"
  tags        = var.tags
}

resource "aws_appconfig_environment" "this" {
  application_id = aws_appconfig_application.this.id
  name           = var.environment
  description    = "Flags are taken back when its alarms sound"
  tags           = var.tags

  dynamic "monitor" {
    for_each = var.alarms
    content {
      alarm_arn      = monitor.value.alarm_arn
      alarm_role_arn = monitor.value.role_arn
    }
  }
}

resource "aws_appconfig_configuration_profile" "this" {
  application_id = aws_appconfig_application.this.id
  name           = "flags"
  description    = "Flags of every service"
  location_uri   = "hosted"
  type           = "AWS.AppConfig.FeatureFlags"
  tags           = var.tags
}

resource "aws_appconfig_hosted_configuration_version" "this" {
  application_id           = aws_appconfig_application.this.id
  configuration_profile_id = aws_appconfig_configuration_profile.this.configuration_profile_id
  description              = "From environments/${var.environment}"
  content_type             = "application/json"
  content = jsonencode({
    version = "1"
    flags   = { for name, flag in var.flags : name => { name = name, description = flag.description } }
    values  = { for name, flag in var.flags : name => { enabled = coalesce(flag.enabled, flag.default) } }
  })
}

resource "aws_appconfig_deployment_strategy" "this" {
  name                           = "${var.name}-slowly"
  description                    = "A fifth of the callers every ${ceil(var.rollout_minutes / 5)} minutes, then watched"
  deployment_duration_in_minutes = var.rollout_minutes
  growth_factor                  = 20
  growth_type                    = "LINEAR"
  final_bake_time_in_minutes     = var.bake_minutes
  replicate_to                   = "NONE"
  tags                           = var.tags
}

# A flag that is turned off in need shall be off now, and stay off although refusing sets the alarm off that would take it
# back: docs/runbooks/flags.md.
resource "aws_appconfig_deployment_strategy" "at_once" {
  name                           = "${var.name}-at-once"
  description                    = "Every caller at once, and nothing is taken back"
  deployment_duration_in_minutes = 0
  growth_factor                  = 100
  growth_type                    = "LINEAR"
  final_bake_time_in_minutes     = 0
  replicate_to                   = "NONE"
  tags                           = var.tags
}

resource "aws_appconfig_deployment" "this" {
  application_id           = aws_appconfig_application.this.id
  environment_id           = aws_appconfig_environment.this.environment_id
  configuration_profile_id = aws_appconfig_configuration_profile.this.configuration_profile_id
  configuration_version    = aws_appconfig_hosted_configuration_version.this.version_number
  deployment_strategy_id   = aws_appconfig_deployment_strategy.this.id
  description              = "From environments/${var.environment}"
  tags                     = var.tags
}

# These flags, and no other configuration of the account.
resource "aws_iam_role_policy" "reader" {
  for_each = var.reader_roles

  name = "reads-flags"
  role = each.value
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "ReadsFlags"
      Effect   = "Allow"
      Action   = ["appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"]
      Resource = ["${aws_appconfig_environment.this.arn}/configuration/${aws_appconfig_configuration_profile.this.configuration_profile_id}"]
    }]
  })
}
