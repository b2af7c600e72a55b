# Errors that services log become a metric; alarms on everything the region stands on; two composite alarms above them.

resource "aws_cloudwatch_log_metric_filter" "errors" {
  for_each = var.services

  name           = "${var.name}-${each.key}-errors"
  log_group_name = aws_cloudwatch_log_group.this[var.application_log_group].name
  pattern        = "{ $.log_processed.service = \"${each.key}\" && ($.log_processed.level = \"error\" || $.log_processed.level = \"critical\") }"

  metric_transformation {
    namespace     = local.namespace
    name          = "Errors-${each.key}"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = var.services

  alarm_name          = "${var.name}-${each.key}-errors"
  alarm_description   = "${each.key} logs more than ${var.errors_per_five_minutes} errors in five minutes. Run the saved query ${var.name}/errors, then follow one trace_id."
  namespace           = local.namespace
  metric_name         = "Errors-${each.key}"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.errors_per_five_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags

  depends_on = [aws_cloudwatch_log_metric_filter.errors]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = var.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = each.value.period_seconds
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  comparison_operator = each.value.below ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = merge(var.tags, { layer = each.value.layer })
}

# Many alarms, two questions: does the region sell, and does what it was told arrive?
resource "aws_cloudwatch_composite_alarm" "this" {
  for_each = local.composites

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.description
  alarm_rule        = join(" OR ", [for name in each.value.alarms : "ALARM(\"${name}\")"])
  alarm_actions     = [aws_sns_topic.alarms.arn]
  ok_actions        = [aws_sns_topic.alarms.arn]
  tags              = var.tags

  depends_on = [aws_cloudwatch_metric_alarm.this]
}

locals {
  namespace = "Meridian/${var.name}"

  composites = {
    for name, one in {
      does-not-sell = {
        description = "The region does not sell as it should: its edge, its database or its cache is in alarm. Decide on failover: docs/runbooks/fail-over-a-region.md."
        alarms      = [for name, alarm in var.alarms : "${var.name}-${name}" if contains(["edge", "database", "cache"], alarm.layer)]
      }
      does-not-deliver = {
        description = "Messages wait or were given up: orders stay where they are until somebody looks. Begin with docs/runbooks/alerts.md, DeadLetters."
        alarms      = var.queue_alarm_names
      }
    } : name => one if length(one.alarms) > 0
  }
}
