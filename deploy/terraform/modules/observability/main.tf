# One region's own monitoring: log groups whose personal data is masked, the topic alarms and failed backups go to, alarms, two composite
# alarms that say whether the region sells, saved queries, and what other accounts may look at. It works with every other
# region gone.

resource "aws_cloudwatch_log_group" "this" {
  for_each = var.log_groups

  name              = each.key
  retention_in_days = each.value
  kms_key_id        = var.keys.logs
  tags              = var.tags
}

# What the application masks already (libs/observability/redaction.py) is masked again here: a library's log line, or a
# person's mistake, must not put a card or an address before everybody who may read logs.
resource "aws_cloudwatch_log_data_protection_policy" "this" {
  for_each = var.log_groups

  log_group_name = aws_cloudwatch_log_group.this[each.key].name
  policy_document = jsonencode({
    Name    = "mask-personal-data"
    Version = "2021-06-01"
    Statement = [
      {
        Sid            = "Audit"
        DataIdentifier = local.masked
        Operation      = { Audit = { FindingsDestination = {} } }
      },
      {
        Sid            = "Mask"
        DataIdentifier = local.masked
        Operation      = { Deidentify = { MaskConfig = {} } }
      },
    ]
  })
}

locals {
  masked = [for name in var.masked_data : "arn:aws:dataprotection::aws:data-identifier/${name}"]
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.keys.messaging
  tags              = var.tags
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }

  # AWS Backup names no source, and tells no topic of another account.
  statement {
    sid       = "BackupsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["backup.amazonaws.com"]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

# AWS Backup tells that a job is over, not only that it failed: what went well wakes nobody. Alarms have no state.
resource "aws_sns_topic_subscription" "alarms" {
  for_each = toset(var.alarm_emails)

  topic_arn           = aws_sns_topic.alarms.arn
  protocol            = "email"
  endpoint            = each.value
  filter_policy_scope = "MessageAttributes"
  filter_policy       = jsonencode({ State = [{ anything-but = ["COMPLETED"] }, { exists = false }] })
}

# Vaults are made long before this topic, and AWS Backup asks whether it may publish when it is told of one.
resource "aws_backup_vault_notifications" "this" {
  backup_vault_name   = var.backup_vault_name
  sns_topic_arn       = aws_sns_topic.alarms.arn
  backup_vault_events = ["BACKUP_JOB_COMPLETED", "COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED", "S3_BACKUP_OBJECT_FAILED", "S3_RESTORE_OBJECT_FAILED"]

  depends_on = [aws_sns_topic_policy.alarms]
}

resource "aws_oam_sink" "this" {
  name = var.name
  tags = var.tags
}

resource "aws_oam_sink_policy" "this" {
  count = length(var.watched_accounts) > 0 ? 1 : 0

  sink_identifier = aws_oam_sink.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AccountsWeWatch"
      Effect    = "Allow"
      Principal = { AWS = var.watched_accounts }
      Action    = ["oam:CreateLink", "oam:UpdateLink"]
      Resource  = aws_oam_sink.this.arn
      Condition = { "ForAllValues:StringEquals" = { "oam:ResourceTypes" = local.shared } }
    }]
  })
}

# A link and its sink are in the same region; CloudWatch itself looks across regions of an account.
resource "aws_oam_link" "this" {
  for_each = var.monitoring_sinks

  label_template  = "$AccountName"
  resource_types  = local.shared
  sink_identifier = each.value
  tags            = var.tags
}

locals {
  shared = ["AWS::CloudWatch::Metric", "AWS::Logs::LogGroup"]
}
