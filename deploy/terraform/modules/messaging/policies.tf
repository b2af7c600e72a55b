# Roles of this account need no grant here, their own policies say what they may do. These policies let SNS deliver, and
# refuse what no policy of a role should be able to allow: plain HTTP, another service's events, commands out of turn.

locals {
  role_arns = { for service in concat(keys(local.routing.topics), ["warehouse"]) : service => "arn:aws:iam::${var.account_id}:role/${var.role_prefix}-${service}" }

  topic_arns       = { for name, topic in local.topics : name => "arn:aws:sns:${var.region}:${var.account_id}:${topic.full_name}" }
  queue_arns       = { for name, queue in local.queues : name => "arn:aws:sqs:${var.region}:${var.account_id}:${queue.full_name}" }
  dead_letter_arns = { for name, queue in local.dead_letters : name => "arn:aws:sqs:${var.region}:${var.account_id}:${queue.full_name}" }
  undelivered_arn  = "arn:aws:sqs:${var.region}:${var.account_id}:${var.prefix}-replicas-undelivered"

  tls_only = {
    Sid       = "TlsOnly"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
  # SNS is a service, has no role and is therefore not meant.
  not_a_service = { Bool = { "aws:PrincipalIsAWSService" = "false" } }

  from_topics = {
    for name, topics in local.sources : name => [for allowed in [{
      Sid       = "DeliveredByTopics"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Condition = { ArnEquals = { "aws:SourceArn" = topics } }
    }] : allowed if length(topics) > 0]
  }
}

resource "aws_sns_topic_policy" "this" {
  for_each = local.topics

  arn = aws_sns_topic.this[each.key].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      merge(local.tls_only, { Resource = local.topic_arns[each.key], Action = "sns:Publish" }), # SNS takes no wildcard here,
      {
        Sid       = "OnlyThePublisherPublishes"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.topic_arns[each.key]
        Condition = { ArnNotEquals = { "aws:PrincipalArn" = local.role_arns[each.value.publisher] } }
      },
    ]
  })
}

# The consumer itself may send: it moves dead letters back.
resource "aws_sqs_queue_policy" "this" {
  for_each = local.queues

  queue_url = aws_sqs_queue.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for statement in local.from_topics[each.key] : merge(statement, { Resource = local.queue_arns[each.key] })],
      [
        merge(local.tls_only, { Resource = local.queue_arns[each.key] }),
        {
          Sid       = "OnlySendersSend"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:SendMessage"
          Resource  = local.queue_arns[each.key]
          Condition = merge(local.not_a_service, {
            ArnNotEquals = { "aws:PrincipalArn" = [for service in concat(each.value.senders, [each.value.owner]) : local.role_arns[service]] }
          })
        },
      ],
    )
  })
}

resource "aws_sqs_queue_policy" "dead_letter" {
  for_each = local.dead_letters

  queue_url = aws_sqs_queue.dead_letter[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for statement in local.from_topics[each.value.source] : merge(statement, { Resource = local.dead_letter_arns[each.key] })],
      [merge(local.tls_only, { Resource = local.dead_letter_arns[each.key] })],
    )
  })
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "DeliveredByTopics"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.undelivered_arn
        Condition = { ArnEquals = { "aws:SourceArn" = values(local.topic_arns) } }
      },
      merge(local.tls_only, { Resource = local.undelivered_arn }),
    ]
  })
}
