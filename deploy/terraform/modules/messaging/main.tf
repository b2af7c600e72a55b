# Topics, queues and subscriptions, generated from the file the services themselves read: what libs/messaging/topology.py
# declares on one machine, this declares in a region. A name or a filter exists once. One queue is no service's: every
# topic's events cross to it from every other region, and the stack operations carries them into this region's warehouse.

locals {
  routing  = jsondecode(file(coalesce(var.routing_file, "${path.module}/../../../../libs/messaging/routing.json")))
  defaults = local.routing.queue_defaults
  days     = { for store, days in local.routing.retention_days : store => days * 86400 }

  owned_queues = merge([
    for kind in ["event", "command"] : {
      for owner, row in local.routing["${kind}_queues"] : row.name => merge({ senders = [] }, local.defaults, row, {
        kind                                                                          = kind
        owner                                                                         = owner
        fifo                                                                          = endswith(row.name, ".fifo")
      })
    }
  ]...)
  replica_queue = {
    replicas = merge(local.defaults, { name = "replicas", dead_letter = "replicas-dead", kind = "replica", owner = "warehouse", senders = [], fifo = false })
  }
  queues       = { for name, row in merge(local.owned_queues, local.replica_queue) : name => merge(row, { full_name = "${var.prefix}-${name}" }) }
  dead_letters = { for name, row in local.queues : row.dead_letter => merge(row, { source = name, full_name = "${var.prefix}-${row.dead_letter}" }) }

  topics = { for publisher, name in local.routing.topics : name => { publisher = publisher, full_name = "${var.prefix}-${name}" } }

  subscriptions = {
    for row in local.routing.subscriptions : "${row.publisher}-to-${row.consumer}-${row.kind}" => merge(row, {
      topic = local.routing.topics[row.publisher]
      queue = local.routing.event_queues[row.consumer].name
    })
  }
  processes = { for key, row in local.subscriptions : key => row if row.kind == "process" }
  others    = setsubtract(var.regions, [var.region])
  crossing = merge([
    for topic in keys(local.topics) : { for region in local.others : "${topic}-in-${region}" => { topic = topic, region = region } }
  ]...)
  replicas = merge([
    for key, row in local.subscriptions : {
      for region in local.others : "${key}-in-${region}" => merge(row, { region = region })
    } if row.kind == "replica"
  ]...)

  # Who may write to an event queue: this region's topics for `process`, the other regions' for `replica`.
  sources = merge({ replicas = sort(flatten([
    for region in local.others : [for topic in values(local.topics) : "arn:aws:sns:${region}:${var.account_id}:${topic.full_name}"]
    ])) }, {
    for name, queue in local.owned_queues : name => flatten([
      for row in local.subscriptions : [
        for region in(row.kind == "process" ? [var.region] : local.others) :
        "arn:aws:sns:${region}:${var.account_id}:${var.prefix}-${row.topic}"
      ] if row.queue == name
    ])
  })
}

resource "aws_sns_topic" "this" {
  for_each = local.topics

  name              = each.value.full_name
  kms_master_key_id = var.kms_key_arn
  tags              = merge(var.tags, { publisher = each.value.publisher })
}

resource "aws_sqs_queue" "dead_letter" {
  for_each = local.dead_letters

  name                              = each.value.full_name
  fifo_queue                        = each.value.fifo
  deduplication_scope               = each.value.fifo ? "messageGroup" : null
  fifo_throughput_limit             = each.value.fifo ? "perMessageGroupId" : null
  message_retention_seconds         = local.days.dead_letter
  max_message_size                  = 262144
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
  tags                              = merge(var.tags, { consumer = each.value.owner })
}

resource "aws_sqs_queue" "this" {
  for_each = local.queues

  name                              = each.value.full_name
  fifo_queue                        = each.value.fifo
  deduplication_scope               = each.value.fifo ? "messageGroup" : null
  fifo_throughput_limit             = each.value.fifo ? "perMessageGroupId" : null
  visibility_timeout_seconds        = each.value.visibility_seconds
  receive_wait_time_seconds         = each.value.long_poll_seconds
  message_retention_seconds         = local.days.queue
  max_message_size                  = 262144
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
  tags                              = merge(var.tags, { consumer = each.value.owner })

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter[each.value.dead_letter].arn
    maxReceiveCount     = each.value.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "this" {
  for_each = local.dead_letters

  queue_url = aws_sqs_queue.dead_letter[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this[each.value.source].arn]
  })
}

# This region's events for this region's consumers.
resource "aws_sns_topic_subscription" "process" {
  for_each = local.processes

  topic_arn            = aws_sns_topic.this[each.value.topic].arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this[each.value.queue].arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ type = each.value.types, originregion = [var.region] })
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letter[local.queues[each.value.queue].dead_letter].arn })

  depends_on = [aws_sqs_queue_policy.this, aws_sqs_queue_policy.dead_letter]
}

# This region's events for the read-only tables of the other regions. A subscription lives where its topic does, and so
# must its dead letters: what could not cross waits here, apart from the consumers' own.
resource "aws_sns_topic_subscription" "replica" {
  for_each = local.replicas

  topic_arn            = aws_sns_topic.this[each.value.topic].arn
  protocol             = "sqs"
  endpoint             = "arn:aws:sqs:${each.value.region}:${var.account_id}:${var.prefix}-${each.value.queue}"
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ type = each.value.types, originregion = [{ anything-but = [each.value.region] }] })
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.undelivered.arn })

  depends_on = [aws_sqs_queue_policy.undelivered]
}

# All of this region's events for the other regions' warehouses: what is known of a region does not end with it. Messages
# hold no personal data (architecture, section 3).
resource "aws_sns_topic_subscription" "crossing" {
  for_each = local.crossing

  topic_arn            = aws_sns_topic.this[each.value.topic].arn
  protocol             = "sqs"
  endpoint             = "arn:aws:sqs:${each.value.region}:${var.account_id}:${local.queues.replicas.full_name}"
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ originregion = [var.region] })
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.undelivered.arn })

  depends_on = [aws_sqs_queue_policy.undelivered]
}

resource "aws_sqs_queue" "undelivered" {
  name                              = "${var.prefix}-replicas-undelivered"
  message_retention_seconds         = local.days.dead_letter
  max_message_size                  = 262144
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
  tags                              = var.tags
}
