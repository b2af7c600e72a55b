# One region's own monitoring: log groups whose personal data is masked, the topic alarms go to, alarms, two composite
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
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com", "backup.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
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

resource "aws_sns_topic_subscription" "alarms" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
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
