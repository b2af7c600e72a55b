output "alarm_topic_arn" {
  description = "Where this region's alarms go"
  value       = aws_sns_topic.alarms.arn
}

output "alarm_names" {
  description = "Names of the metric alarms, by their short name"
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.alarm_name }
}

output "composite_alarm_arns" {
  description = "ARN of the alarms that say whether the region sells and delivers"
  value       = { for name, alarm in aws_cloudwatch_composite_alarm.this : name => alarm.arn }
}

output "sink_arn" {
  description = "What other accounts link to in this region"
  value       = aws_oam_sink.this.arn
}

output "log_group_arns" {
  description = "ARN of each log group"
  value       = { for name, group in aws_cloudwatch_log_group.this : name => group.arn }
}
