# Who did what, for the whole account: the trail, its bucket, and one view of AWS Config over all regions.

module "audit" {
  source = "../../modules/audit"

  name                = "meridian-${var.environment}"
  region              = var.region
  account_id          = var.account_id
  regions             = keys(var.regions)
  keys                = { logs = var.data.kms_key_arns["logs"], storage = var.data.kms_key_arns["storage"] }
  retention_days      = var.retention_days
  watched_bucket_arns = [var.data.buckets["backups"].arn, var.data.buckets["warehouse"].arn]
  alarm_topic_arn     = "arn:aws:sns:${var.region}:${var.account_id}:meridian-${var.environment}-alarms"
  tags                = var.tags
}
