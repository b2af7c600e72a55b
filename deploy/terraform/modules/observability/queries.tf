# Questions people ask of the logs at night, saved where they look for them (Logs Insights). The fields are those of
# libs/observability/logging.py, which the agent of the cluster puts
# under log_processed.

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = "${var.name}/${each.key}"
  log_group_names = [var.application_log_group]
  query_string    = each.value

  depends_on = [aws_cloudwatch_log_group.this]
}

locals {
  queries = {
    errors          = <<-EOT
      fields @timestamp, log_processed.service, log_processed.event, log_processed.error, log_processed.trace_id
      | filter log_processed.level in ["error", "critical"]
      | stats count(*) as errors, latest(log_processed.trace_id) as example by log_processed.service, log_processed.event
      | sort errors desc
    EOT
    slow-requests   = <<-EOT
      fields @timestamp, log_processed.service, log_processed.route, log_processed.status, log_processed.duration_ms, log_processed.trace_id
      | filter log_processed.event = "http_request"
      | stats count(*) as requests, pct(log_processed.duration_ms, 50) as p50, pct(log_processed.duration_ms, 99) as p99, max(log_processed.duration_ms) as slowest by log_processed.service, log_processed.route
      | sort p99 desc
      | limit 50
    EOT
    one-trace       = <<-EOT
      fields @timestamp, log_processed.service, log_processed.level, log_processed.event, @message
      | filter log_processed.trace_id = "PASTE-A-TRACE-ID"
      | sort @timestamp asc
    EOT
    one-request     = <<-EOT
      fields @timestamp, log_processed.service, log_processed.level, log_processed.event, @message
      | filter log_processed.request_id = "PASTE-A-REQUEST-ID" or log_processed.correlation_id = "PASTE-A-REQUEST-ID"
      | sort @timestamp asc
    EOT
    refused-callers = <<-EOT
      fields @timestamp, log_processed.service, log_processed.route, log_processed.status, log_processed.subject
      | filter log_processed.event = "http_request" and log_processed.status in [401, 403, 429]
      | stats count(*) as refusals by log_processed.service, log_processed.route, log_processed.status
      | sort refusals desc
    EOT
    failed-messages = <<-EOT
      fields @timestamp, log_processed.service, log_processed.event, log_processed.causation_id, log_processed.trace_id
      | filter log_processed.level in ["warning", "error"] and ispresent(log_processed.causation_id)
      | stats count(*) as failures, latest(log_processed.causation_id) as example by log_processed.service, log_processed.event
      | sort failures desc
    EOT
  }
}
