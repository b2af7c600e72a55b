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
