mock_provider "aws" {
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:111122223333:meridian-prod-alarms" }
  }
  mock_resource "aws_oam_sink" {
    defaults = { arn = "arn:aws:oam:us-east-1:111122223333:sink/1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name       = "meridian-prod"
  account_id = "111122223333"
  keys = {
    logs      = "arn:aws:kms:us-east-1:111122223333:key/mrk-1"
    messaging = "arn:aws:kms:us-east-1:111122223333:key/mrk-2"
  }
  log_groups = {
    "/aws/containerinsights/meridian/application" = 30
    "/aws/containerinsights/meridian/host"        = 30
  }
  application_log_group = "/aws/containerinsights/meridian/application"
  services              = ["order"]
  alarm_emails          = ["oncall@example.com"]
  backup_vault_name     = "meridian-prod"
  alarms = {
    edge-5xx = {
      layer       = "edge"
      description = "The load balancer answers 5xx: look at its targets first."
      namespace   = "AWS/ApplicationELB"
      metric      = "HTTPCode_ELB_5XX_Count"
      dimensions  = { LoadBalancer = "app/meridian/1" }
      statistic   = "Sum"
      threshold   = 50
    }
    edge-slow = {
      layer       = "edge"
      description = "Answers are slow: look at the slowest service first."
      namespace   = "AWS/ApplicationELB"
      metric      = "TargetResponseTime"
      dimensions  = { LoadBalancer = "app/meridian/1" }
      statistic   = "p99"
      threshold   = 1
    }
    cluster-nodes = {
      layer       = "cluster"
      description = "A node of the cluster does not work: drain it."
      namespace   = "ContainerInsights"
      metric      = "cluster_failed_node_count"
      dimensions  = { ClusterName = "meridian" }
      threshold   = 0
    }
  }
  queue_alarm_names = ["meridian-order-inbox-age"]
}

run "every_log_group_is_encrypted_kept_for_a_time_and_masked" {
  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == var.keys.logs && group.retention_in_days == 30])
    error_message = "logs are encrypted with the logs' key and not kept for ever"
  }
  assert {
    condition     = length(aws_cloudwatch_log_data_protection_policy.this) == 2
    error_message = "every log group masks personal data"
  }
  assert {
    condition = alltrue([
      for policy in aws_cloudwatch_log_data_protection_policy.this : alltrue([
        for statement in jsondecode(policy.policy_document).Statement :
        contains(statement.DataIdentifier, "arn:aws:dataprotection::aws:data-identifier/CreditCardNumber")
        && contains(statement.DataIdentifier, "arn:aws:dataprotection::aws:data-identifier/EmailAddress")
      ])
    ])
    error_message = "cards and addresses are found and masked"
  }
}

run "a_services_errors_are_counted_and_alarmed" {
  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.errors) == ["order"]
    error_message = "each service has an alarm on its errors"
  }
  assert {
    condition     = aws_cloudwatch_log_metric_filter.errors["order"].metric_transformation[0].name == aws_cloudwatch_metric_alarm.errors["order"].metric_name
    error_message = "the alarm watches the metric that the filter writes"
  }
}

run "every_alarm_is_heard_when_it_comes_and_when_it_goes" {
  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.errors), values(aws_cloudwatch_composite_alarm.this)) :
      tolist(alarm.alarm_actions) == tolist([aws_sns_topic.alarms.arn]) && tolist(alarm.ok_actions) == tolist([aws_sns_topic.alarms.arn])
    ])
    error_message = "an alarm goes to the topic"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["edge-slow"].extended_statistic == "p99" && aws_cloudwatch_metric_alarm.this["edge-5xx"].statistic == "Sum"
    error_message = "percentiles are extended statistics"
  }
}

run "composite_alarms_say_whether_the_region_sells_and_delivers" {
  assert {
    condition     = aws_cloudwatch_composite_alarm.this["does-not-sell"].alarm_rule == "ALARM(\"meridian-prod-edge-5xx\") OR ALARM(\"meridian-prod-edge-slow\")"
    error_message = "edge alarms mean the region does not sell; a node's does not"
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.this["does-not-deliver"].alarm_rule == "ALARM(\"meridian-order-inbox-age\")"
    error_message = "queue alarms mean messages are not delivered"
  }
}

run "a_backup_that_fails_is_told" {
  assert {
    condition     = aws_backup_vault_notifications.this.backup_vault_name == "meridian-prod" && aws_backup_vault_notifications.this.sns_topic_arn == aws_sns_topic.alarms.arn
    error_message = "the vault tells the alarms' topic, which is made here"
  }
  assert {
    condition     = length(setsubtract(aws_backup_vault_notifications.this.backup_vault_events, ["BACKUP_JOB_COMPLETED", "COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED", "S3_BACKUP_OBJECT_FAILED", "S3_RESTORE_OBJECT_FAILED"])) == 0
    error_message = "only events that AWS Backup still tells"
  }
  assert {
    condition     = contains(flatten([for statement in data.aws_iam_policy_document.alarms.statement : [for principal in statement.principals : tolist(principal.identifiers)] if length(statement.condition) == 0]), "backup.amazonaws.com")
    error_message = "AWS Backup, which names no source account, may publish"
  }
  assert {
    condition     = alltrue([for one in aws_sns_topic_subscription.alarms : jsondecode(one.filter_policy).State == [{ anything-but = ["COMPLETED"] }, { exists = false }]])
    error_message = "a job that went well wakes nobody, an alarm always somebody"
  }
}

run "the_topic_is_encrypted" {
  assert {
    condition     = aws_sns_topic.alarms.name == "meridian-prod-alarms" && aws_sns_topic.alarms.kms_master_key_id == var.keys.messaging
    error_message = "the alarms' topic has its name and its key"
  }
}

run "saved_queries_read_the_services_logs" {
  assert {
    condition     = toset(keys(aws_cloudwatch_query_definition.this)) == toset(["errors", "failed-messages", "one-request", "one-trace", "refused-callers", "slow-requests"])
    error_message = "six questions are saved"
  }
  assert {
    condition     = alltrue([for query in aws_cloudwatch_query_definition.this : tolist(query.log_group_names) == tolist(["/aws/containerinsights/meridian/application"])])
    error_message = "they read the services' log group"
  }
}

run "only_named_accounts_may_show_themselves_here" {
  variables {
    watched_accounts = ["444455556666"]
    monitoring_sinks = { organisation = "arn:aws:oam:us-east-1:999988887777:sink/2" }
  }
  assert {
    condition     = jsondecode(aws_oam_sink_policy.this[0].policy).Statement[0].Principal.AWS == ["444455556666"]
    error_message = "the sink names its accounts"
  }
  assert {
    condition     = aws_oam_link.this["organisation"].sink_identifier == "arn:aws:oam:us-east-1:999988887777:sink/2"
    error_message = "the link leads to the monitoring account"
  }
}

run "anybody_in_the_sink_is_refused" {
  command = plan
  variables {
    watched_accounts = ["*"]
  }
  expect_failures = [var.watched_accounts]
}

run "alarms_nobody_hears_are_refused" {
  command = plan
  variables {
    alarm_emails = []
  }
  expect_failures = [var.alarm_emails]
}

run "logs_for_ever_are_refused" {
  command = plan
  variables {
    log_groups = { "/aws/containerinsights/meridian/application" = 0 }
  }
  expect_failures = [var.log_groups]
}

run "unmasked_cards_are_refused" {
  command = plan
  variables {
    masked_data = ["EmailAddress"]
  }
  expect_failures = [var.masked_data]
}
