# The trail in a log group, and the few calls nobody should have to find out about by chance (CIS AWS Foundations 4.x).

resource "aws_cloudwatch_log_group" "this" {
  name              = "/meridian/${var.name}/trail"
  retention_in_days = 365
  kms_key_id        = var.keys.logs
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  name               = "${var.name}-trail"
  description        = "CloudTrail writes the trail to its log group"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = var.tags
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.trail_arn]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "write"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.write.json
}

data "aws_iam_policy_document" "write" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:log-stream:${var.account_id}_CloudTrail_*"]
  }
}

locals {
  told = {
    root-used          = { pattern = "{ $.userIdentity.type = \"Root\" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != \"AwsServiceEvent\" }", description = "Somebody used the root user. If it was not you, follow your plan for a stolen account." }
    unauthorised       = { pattern = "{ ($.errorCode = \"*UnauthorizedOperation\") || ($.errorCode = \"AccessDenied*\") }", description = "Calls are refused for want of rights: a role lost a permission, or somebody tries doors.", threshold = 20 }
    trail-changed      = { pattern = "{ ($.eventName = CreateTrail) || ($.eventName = UpdateTrail) || ($.eventName = DeleteTrail) || ($.eventName = StopLogging) }", description = "The audit trail itself was changed." }
    key-scheduled      = { pattern = "{ ($.eventSource = kms.amazonaws.com) && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion)) }", description = "A key was disabled or is going to be deleted: what it encrypts becomes unreadable. Cancel it within the waiting time if this is not a planned end." }
    policy-changed     = { pattern = "{ ($.eventName = PutRolePolicy) || ($.eventName = AttachRolePolicy) || ($.eventName = CreatePolicyVersion) || ($.eventName = UpdateAssumeRolePolicy) }", description = "Rights of a role were changed. Only the pipeline should do that." }
    signed-in-sans-mfa = { pattern = "{ ($.eventName = \"ConsoleLogin\") && ($.additionalEventData.MFAUsed != \"Yes\") && ($.responseElements.ConsoleLogin = \"Success\") && ($.userIdentity.type = \"IAMUser\") }", description = "Somebody signed in to the console without a second factor." }
  }
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.told

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = each.value.pattern

  metric_transformation {
    namespace = "Meridian/${var.name}/Audit"
    name      = each.key
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.told

  alarm_name          = "${var.name}-audit-${each.key}"
  alarm_description   = each.value.description
  namespace           = "Meridian/${var.name}/Audit"
  metric_name         = each.key
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = lookup(each.value, "threshold", 0)
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  tags                = var.tags

  depends_on = [aws_cloudwatch_log_metric_filter.this]
}
