output "alarm_topic_arn" {
  description = "Where this region's alarms go"
  value       = aws_sns_topic.alarms.arn
}

output "composite_alarm_arns" {
  description = "ARN of the alarms that say whether the region sells and delivers"
  value       = { for name, alarm in aws_cloudwatch_composite_alarm.this : name => alarm.arn }
}

output "sink_arn" {
  description = "What other accounts link to in this region"
  value       = aws_oam_sink.this.arn
}

output "application_log_group" {
  description = "Name of the log group that the services' lines go to"
  value       = aws_cloudwatch_log_group.this[var.application_log_group].name
}
