mock_provider "aws" {
  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:us-east-1:111122223333:queue"
      url = "https://sqs.us-east-1.amazonaws.com/111122223333/queue"
      id  = "https://sqs.us-east-1.amazonaws.com/111122223333/queue"
    }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:111122223333:topic" }
  }
}

variables {
  region          = "us-east-1"
  regions         = ["us-east-1", "eu-west-1", "ap-south-1"]
  account_id      = "111122223333"
  role_prefix     = "meridian-prod-us-east-1"
  kms_key_arn     = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000000"
  alarm_topic_arn = "arn:aws:sns:us-east-1:111122223333:meridian-prod-alarms"
}

run "what_the_routing_file_says" {
  assert {
    condition = toset([for topic in aws_sns_topic.this : topic.name]) == toset([
      "meridian-auth-events", "meridian-user-events", "meridian-product-events",
      "meridian-cart-events", "meridian-order-events", "meridian-payment-events",
    ])
    error_message = "One topic per publisher, under the names the services publish to."
  }

  assert {
    condition = toset([for queue in aws_sqs_queue.this : queue.name]) == toset([
      "meridian-auth-inbox", "meridian-user-inbox", "meridian-product-inbox",
      "meridian-cart-inbox", "meridian-order-inbox", "meridian-payment-inbox",
      "meridian-payment-commands.fifo", "meridian-product-commands.fifo", "meridian-replicas",
    ])
    error_message = "One queue per consumer, under the names the services read."
  }

  assert {
    condition     = alltrue([for queue in aws_sqs_queue.this : queue.fifo_queue == endswith(queue.name, ".fifo")])
    error_message = "Commands are FIFO, events are not."
  }

  assert {
    condition = alltrue([
      for queue in aws_sqs_queue.this : queue.fifo_throughput_limit == "perMessageGroupId" && queue.deduplication_scope == "messageGroup" if queue.fifo_queue
    ])
    error_message = "FIFO queues need high throughput, or 300 calls a second are all there is."
  }

  assert {
    condition = alltrue([for queue in aws_sqs_queue.this :
      queue.visibility_timeout_seconds == 30 && queue.receive_wait_time_seconds == 20 && queue.message_retention_seconds == 345600
    ])
    error_message = "Queues: 30 s visibility, 20 s long poll, 4 days."
  }

  assert {
    condition     = alltrue([for queue in aws_sqs_queue.dead_letter : queue.message_retention_seconds == 1209600])
    error_message = "Dead letters are kept for 14 days."
  }

  assert {
    condition = alltrue([for queue in aws_sqs_queue.this :
      jsondecode(queue.redrive_policy).maxReceiveCount == 10 && strcontains(jsondecode(queue.redrive_policy).deadLetterTargetArn, ":sqs:")
    ])
    error_message = "Every queue gives a message to its dead-letter queue after 10 receives."
  }

  assert {
    condition = alltrue([for name in keys(aws_sqs_queue.this) :
      contains(keys(aws_sqs_queue.dead_letter), endswith(name, ".fifo") ? replace(name, ".fifo", "-dead.fifo") : "${name}-dead")
    ])
    error_message = "Every queue has a dead-letter queue of its kind."
  }

  assert {
    condition     = length(aws_sqs_queue_redrive_allow_policy.this) == length(aws_sqs_queue.this)
    error_message = "Only its own queue may use a dead-letter queue."
  }
}

run "subscriptions_are_the_handler_tables" {
  assert {
    condition     = length(aws_sns_topic_subscription.process) == length(jsondecode(file("../../../../libs/messaging/routing.json")).subscriptions)
    error_message = "One subscription per row of the routing file."
  }

  assert {
    condition = jsondecode(aws_sns_topic_subscription.process["order-to-cart-process"].filter_policy) == {
      type = ["order.placed.v1"], originregion = ["us-east-1"]
    }
    error_message = "A process step takes the listed types of its own region, nothing else."
  }

  assert {
    condition     = alltrue([for subscription in aws_sns_topic_subscription.process : subscription.raw_message_delivery])
    error_message = "Consumers read CloudEvents, not SNS envelopes."
  }

  assert {
    condition     = alltrue([for subscription in aws_sns_topic_subscription.process : strcontains(subscription.redrive_policy, "deadLetterTargetArn")])
    error_message = "A subscription needs a dead-letter queue too."
  }
}

run "every_topic_reaches_every_other_region" {
  assert {
    condition = toset([for one in aws_sns_topic_subscription.crossing : one.endpoint]) == toset([
      "arn:aws:sqs:ap-south-1:111122223333:meridian-replicas", "arn:aws:sqs:eu-west-1:111122223333:meridian-replicas",
    ]) && length(aws_sns_topic_subscription.crossing) == 2 * length(aws_sns_topic.this)
    error_message = "Each topic is carried to each of the other two regions."
  }

  assert {
    condition     = alltrue([for one in aws_sns_topic_subscription.crossing : jsondecode(one.filter_policy) == { originregion = ["us-east-1"] } && one.raw_message_delivery && strcontains(one.redrive_policy, "deadLetterTargetArn")])
    error_message = "A region tells its own events, whole, and keeps what could not cross."
  }

  assert {
    condition = toset(jsondecode(aws_sqs_queue_policy.this["replicas"].policy).Statement[0].Condition.ArnEquals["aws:SourceArn"]) == toset(flatten([
      for region in ["ap-south-1", "eu-west-1"] : [for topic in aws_sns_topic.this : "arn:aws:sns:${region}:111122223333:${topic.name}"]
    ]))
    error_message = "Only the other regions' topics deliver to the queue of what crossed."
  }
}

run "everything_is_encrypted_and_watched" {
  assert {
    condition = alltrue(concat(
      [for topic in aws_sns_topic.this : topic.kms_master_key_id == var.kms_key_arn],
      [for queue in aws_sqs_queue.this : queue.kms_master_key_id == var.kms_key_arn],
      [for queue in aws_sqs_queue.dead_letter : queue.kms_master_key_id == var.kms_key_arn],
    ))
    error_message = "Topics and queues are encrypted with the customer's key."
  }

  assert {
    condition = alltrue([for name, queue in aws_sqs_queue.this :
      aws_cloudwatch_metric_alarm.queue["${name}-age"].dimensions.QueueName == queue.name
      && aws_cloudwatch_metric_alarm.queue["${name}-age"].metric_name == "ApproximateAgeOfOldestMessage"
      && aws_cloudwatch_metric_alarm.queue["${name}-depth"].dimensions.QueueName == queue.name
    ])
    error_message = "Every queue has an alarm on age and on depth."
  }

  assert {
    condition = alltrue([for name, queue in aws_sqs_queue.dead_letter :
      aws_cloudwatch_metric_alarm.queue[name].dimensions.QueueName == queue.name && aws_cloudwatch_metric_alarm.queue[name].threshold == 0
    ])
    error_message = "The first dead letter is an alarm."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.queue : contains(alarm.alarm_actions, var.alarm_topic_arn)])
    error_message = "An alarm tells somebody."
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.topic) == keys(aws_sns_topic.this)
    error_message = "Every topic has an alarm on failed deliveries."
  }
}

run "policies_allow_nothing_broad" {
  assert {
    condition = alltrue(flatten([
      for policy in concat(
        [for one in aws_sns_topic_policy.this : one.policy],
        [for one in aws_sqs_queue_policy.this : one.policy],
        [for one in aws_sqs_queue_policy.dead_letter : one.policy],
        [aws_sqs_queue_policy.undelivered.policy],
        ) : [
        for statement in jsondecode(policy).Statement : !strcontains(jsonencode([statement.Action, statement.Resource, statement.Principal]), "*") if statement.Effect == "Allow"
      ]
    ]))
    error_message = "No statement that allows has a `*` in action, resource or principal."
  }

  assert {
    condition = alltrue([
      for policy in concat(
        [for one in aws_sns_topic_policy.this : one.policy],
        [for one in aws_sqs_queue_policy.this : one.policy],
        [for one in aws_sqs_queue_policy.dead_letter : one.policy],
        [aws_sqs_queue_policy.undelivered.policy],
        ) : anytrue([
          for statement in jsondecode(policy).Statement :
          statement.Effect == "Deny" && statement.Principal == "*" && jsonencode(statement.Condition) == jsonencode({ Bool = { "aws:SecureTransport" = "false" } })
      ])
    ])
    error_message = "Every topic and queue refuses plain HTTP."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_sqs_queue_policy.this["cart-inbox"].policy).Statement :
      statement.Effect == "Allow" && toset(try(statement.Condition.ArnEquals["aws:SourceArn"], [])) == toset([
        "arn:aws:sns:us-east-1:111122223333:meridian-product-events",
        "arn:aws:sns:us-east-1:111122223333:meridian-order-events",
        "arn:aws:sns:us-east-1:111122223333:meridian-user-events",
      ])
    ])
    error_message = "The cart's queue takes from the three topics it is subscribed to, of its own region."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_sqs_queue_policy.this["payment-commands.fifo"].policy).Statement : statement.Effect == "Deny"])
    error_message = "No topic delivers to a command queue."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_sqs_queue_policy.this["payment-commands.fifo"].policy).Statement :
      toset(try(statement.Condition.ArnNotEquals["aws:PrincipalArn"], [])) == toset([
        "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-order",
        "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-payment",
      ])
    ])
    error_message = "Only order sends payment its commands; payment moves back its own dead letters."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_sns_topic_policy.this["order-events"].policy).Statement :
      try(statement.Condition.ArnNotEquals["aws:PrincipalArn"], "") == "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-order"
    ])
    error_message = "Only order tells order events."
  }
}

run "what_identities_are_made_from" {
  assert {
    condition     = output.publisher_topics["payment"] == ["payment-events"] && toset(output.consumer_queues["payment"]) == toset(["payment-inbox", "payment-commands.fifo"])
    error_message = "Payment publishes its events, and reads its commands and its inbox."
  }

  assert {
    condition     = toset(output.command_queues["order"]) == toset(["payment-commands.fifo", "product-commands.fifo"]) && output.command_queues["cart"] == []
    error_message = "Order sends commands, cart does not."
  }
}

run "replicas_cross_regions" {
  variables {
    routing_file = "tests/fixtures/routing.json"
  }

  assert {
    condition     = keys(aws_sns_topic_subscription.replica) == ["product-to-cart-replica-in-ap-south-1", "product-to-cart-replica-in-eu-west-1"]
    error_message = "Every other region gets the events of this region's topic."
  }

  assert {
    condition     = aws_sns_topic_subscription.replica["product-to-cart-replica-in-eu-west-1"].endpoint == "arn:aws:sqs:eu-west-1:111122223333:meridian-cart-inbox"
    error_message = "A replica goes to the same queue in the other region."
  }

  assert {
    condition = jsondecode(aws_sns_topic_subscription.replica["product-to-cart-replica-in-eu-west-1"].filter_policy) == {
      type = ["product.changed.v1", "stock.changed.v1"], originregion = [{ anything-but = ["eu-west-1"] }]
    }
    error_message = "A region does not get its own events back."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_sqs_queue_policy.this["cart-inbox"].policy).Statement :
      toset(try(statement.Condition.ArnEquals["aws:SourceArn"], [])) == toset([
        for region in ["us-east-1", "eu-west-1", "ap-south-1"] : "arn:aws:sns:${region}:111122223333:meridian-product-events"
      ])
    ])
    error_message = "The queue lets the other regions' topics in."
  }

  assert {
    condition     = aws_sqs_queue.this["cart-inbox"].visibility_timeout_seconds == 90 && jsondecode(aws_sqs_queue.this["cart-inbox"].redrive_policy).maxReceiveCount == 3
    error_message = "A row of the routing file may differ from the defaults."
  }
}

run "a_region_outside_the_regions_is_refused" {
  command = plan
  variables {
    region = "sa-east-1"
  }
  expect_failures = [var.regions]
}

run "the_aws_managed_key_is_refused" {
  command = plan
  variables {
    kms_key_arn = "alias/aws/sqs"
  }
  expect_failures = [var.kms_key_arn]
}

run "an_alarm_for_nobody_is_refused" {
  command = plan
  variables {
    alarm_topic_arn = ""
  }
  expect_failures = [var.alarm_topic_arn]
}

run "a_prefix_aws_would_refuse_is_refused" {
  command = plan
  variables {
    prefix = "Meridian.prod"
  }
  expect_failures = [var.prefix]
}

run "an_alarm_that_comes_too_late_is_refused" {
  command = plan
  variables {
    thresholds = { age_seconds = 86400 }
  }
  expect_failures = [var.thresholds]
}
