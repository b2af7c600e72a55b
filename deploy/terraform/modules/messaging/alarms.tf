# Every queue: is somebody reading it? Every dead-letter queue: did anything give up? Every topic: was all delivered?

locals {
  queue_alarms = merge([
    for name, queue in local.queues : {
      "${name}-age" = {
        queue       = queue.full_name
        metric      = "ApproximateAgeOfOldestMessage"
        threshold   = var.thresholds.age_seconds
        periods     = 3
        description = "${queue.owner} does not keep up: a message of ${queue.full_name} is older than ${var.thresholds.age_seconds} s. Look at its worker's log and replicas first."
      }
      "${name}-depth" = {
        queue       = queue.full_name
        metric      = "ApproximateNumberOfMessagesVisible"
        threshold   = var.thresholds.depth
        periods     = 3
        description = "More than ${var.thresholds.depth} messages wait in ${queue.full_name}. Scale the worker of ${queue.owner}, or find out who sends so much."
      }
    }
  ]...)

  dead_letter_alarms = {
    for name, queue in merge(
      { for name, row in local.dead_letters : name => row.full_name },
      { replicas-undelivered = "${var.prefix}-replicas-undelivered" },
      ) : name => {
      queue       = queue
      metric      = "ApproximateNumberOfMessagesVisible"
      threshold   = 0
      periods     = 1
      description = "${queue} holds messages that were given up. ${startswith(name, "replicas-") ? "They are copies of other regions' events (aws sqs receive-message shows them): look at the pipe, the delivery stream and both queues' policies" : "List them (python -m libs.messaging dlq list, in the pod of a worker)"}, repair the cause, redrive: docs/runbooks/alerts.md, DeadLetters."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each = var.alarm_topic_arn == null ? {} : merge(local.queue_alarms, local.dead_letter_alarms)

  alarm_name          = "${var.prefix}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching" # SQS stops telling about a queue that was idle for hours
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "topic" {
  for_each = var.alarm_topic_arn == null ? {} : local.topics

  alarm_name          = "${var.prefix}-${each.key}-undelivered"
  alarm_description   = "SNS could not deliver messages of ${each.value.full_name}. Look at the queues' policies and at the key's; the messages are in the dead-letter queues."
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfNotificationsFailed"
  dimensions          = { TopicName = each.value.full_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  tags                = var.tags
}
