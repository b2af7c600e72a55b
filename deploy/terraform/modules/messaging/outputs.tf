output "topic_arns" {
  description = "ARN by topic of the routing file (order-events)."
  value       = { for name, topic in aws_sns_topic.this : name => topic.arn }
}

output "queue_arns" {
  description = "ARN by queue of the routing file (order-inbox, payment-commands.fifo)."
  value       = { for name, queue in aws_sqs_queue.this : name => queue.arn }
}

output "queue_urls" {
  description = "Address by queue of the routing file."
  value       = { for name, queue in aws_sqs_queue.this : name => queue.url }
}

output "dead_letter_arns" {
  description = "ARN by dead-letter queue of the routing file."
  value       = { for name, queue in aws_sqs_queue.dead_letter : name => queue.arn }
}

output "publisher_topics" {
  description = "Topics each service publishes to."
  value       = { for service in keys(local.routing.topics) : service => [local.routing.topics[service]] }
}

output "consumer_queues" {
  description = "Queues each service reads."
  value       = { for service in keys(local.routing.topics) : service => [for name, row in local.queues : name if row.owner == service] }
}

output "consumer_dead_letters" {
  description = "Dead-letter queues each service watches and redrives."
  value       = { for service in keys(local.routing.topics) : service => [for row in local.queues : row.dead_letter if row.owner == service] }
}

output "command_queues" {
  description = "Queues each service sends commands to."
  value       = { for service in keys(local.routing.topics) : service => [for name, row in local.queues : name if contains(row.senders, service)] }
}

output "alarm_arns" {
  description = "ARN by alarm, for composite alarms."
  value = merge(
    { for name, alarm in aws_cloudwatch_metric_alarm.queue : name => alarm.arn },
    { for name, alarm in aws_cloudwatch_metric_alarm.topic : "${name}-undelivered" => alarm.arn },
  )
}
