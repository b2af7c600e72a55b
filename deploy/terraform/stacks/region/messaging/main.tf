# The region's topics, queues and subscriptions, as libs/messaging/routing.json says.

module "messaging" {
  source = "../../../modules/messaging"

  prefix          = var.messaging_prefix
  region          = var.region
  regions         = keys(var.regions)
  account_id      = var.account_id
  role_prefix     = "meridian-${var.environment}-${var.region}"
  kms_key_arn     = var.data.kms_key_arns["messaging"]
  alarm_topic_arn = contains(var.emulator_lacks, "alarms") ? null : "arn:aws:sns:${var.region}:${var.account_id}:meridian-${var.environment}-alarms"
  thresholds      = var.thresholds
  tags            = var.tags
}
