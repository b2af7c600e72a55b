# What is looked at from the master region: a dashboard per region beside one of all of them, and an alarm for each region
# that takes no requests while it answers no health checks. CloudWatch reads the other regions'
# metrics and logs where they are: lines about people do not leave their jurisdiction to be read in one place.

resource "aws_cloudwatch_dashboard" "overview" {
  dashboard_name = "${var.name}-overview"
  dashboard_body = jsonencode({
    widgets = concat(
      [for index, region in local.regions : {
        type = "metric", x = 8 * (index % 3), y = 0, width = 8, height = 6
        properties = {
          title   = "${region}: requests and errors"
          region  = region
          view    = "timeSeries"
          stat    = "Sum"
          period  = 60
          metrics = local.requests[region]
        }
      }],
      [for index, row in local.comparisons : {
        type = "metric", x = 12 * (index % 2), y = 6 + 6 * floor(index / 2), width = 12, height = 6
        properties = {
          title   = row.title
          region  = local.regions[0]
          view    = "timeSeries"
          stat    = row.stat
          period  = 60
          metrics = row.metrics
        }
      }],
      [for index, region in local.regions : {
        type = "log", x = 8 * (index % 3), y = 18 + 6 * floor(index / 3), width = 8, height = 6
        properties = {
          title  = "${region}: what failed last"
          region = region
          view   = "table"
          query  = "SOURCE '${var.regions[region].log_group}' | ${local.failures}"
        }
      }],
    )
  })
}

resource "aws_cloudwatch_dashboard" "region" {
  for_each = var.regions

  dashboard_name = "${var.name}-${each.key}"
  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type = "metric", x = 0, y = 0, width = 24, height = 6
        properties = {
          title   = "requests and errors", region = each.key, view = "timeSeries", stat = "Sum", period = 60
          metrics = local.requests[each.key]
        }
      }],
      [for index, row in local.details : {
        type = "metric", x = 8 * (index % 3), y = 6 + 6 * floor(index / 3), width = 8, height = 6
        properties = {
          title   = row.title, region = each.key, view = "timeSeries", stat = row.stat, period = 60
          metrics = row.metrics[each.key]
        }
      }],
      length(each.value.alarm_arns) == 0 ? [] : [{
        type       = "alarm", x = 0, y = 24, width = 24, height = 4
        properties = { title = "alarms", alarms = sort(each.value.alarm_arns) }
      }],
    )
  })
}

# Route 53 reports its health checks in us-east-1 alone, which is where this module is applied.
resource "aws_cloudwatch_metric_alarm" "region_unhealthy" {
  for_each = { for region, row in var.regions : region => row.health_check_id if row.health_check_id != null }

  alarm_name          = "${var.name}-${each.key}-unhealthy"
  alarm_description   = "${each.key} answers no health checks: Route 53 has taken it out. See docs/runbooks/fail-over-a-region.md."
  namespace           = "AWS/Route53"
  metric_name         = "HealthCheckStatus"
  dimensions          = { HealthCheckId = each.value }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  tags                = var.tags
}

resource "aws_cloudwatch_composite_alarm" "every_region" {
  count = length(aws_cloudwatch_metric_alarm.region_unhealthy) > 0 ? 1 : 0

  alarm_name        = "${var.name}-nobody-sells"
  alarm_description = "No region answers its health checks: the shop is closed. Look at DNS and CloudFront first, they are what all regions share."
  alarm_rule        = join(" AND ", [for region in sort(keys(aws_cloudwatch_metric_alarm.region_unhealthy)) : "ALARM(\"${var.name}-${region}-unhealthy\")"])
  alarm_actions     = [var.alarm_topic_arn]
  ok_actions        = [var.alarm_topic_arn]
  tags              = var.tags

  depends_on = [aws_cloudwatch_metric_alarm.region_unhealthy]
}
