# Questions people ask of the logs at night, saved where they look for them (Logs Insights). The fields are those of
# libs/observability/logging.py.

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = "${var.name}/${each.key}"
  log_group_names = sort([for name, group in var.log_groups : name if group.service != null])
  query_string    = each.value

  depends_on = [aws_cloudwatch_log_group.this]
}

locals {
  queries = {
    errors          = <<-EOT
      fields @timestamp, service, event, error, trace_id
      | filter level in ["error", "critical"]
      | stats count(*) as errors, latest(trace_id) as example by service, event
      | sort errors desc
    EOT
    slow-requests   = <<-EOT
      fields @timestamp, service, route, status, duration_ms, trace_id
      | filter event = "http_request"
      | stats count(*) as requests, pct(duration_ms, 50) as p50, pct(duration_ms, 99) as p99, max(duration_ms) as slowest by service, route
      | sort p99 desc
      | limit 50
    EOT
    one-trace       = <<-EOT
      fields @timestamp, service, level, event, @message
      | filter trace_id = "PASTE-A-TRACE-ID"
      | sort @timestamp asc
    EOT
    one-request     = <<-EOT
      fields @timestamp, service, level, event, @message
      | filter request_id = "PASTE-A-REQUEST-ID" or correlation_id = "PASTE-A-REQUEST-ID"
      | sort @timestamp asc
    EOT
    refused-callers = <<-EOT
      fields @timestamp, service, route, status, subject
      | filter event = "http_request" and status in [401, 403, 429]
      | stats count(*) as refusals by service, route, status
      | sort refusals desc
    EOT
    failed-messages = <<-EOT
      fields @timestamp, service, event, causation_id, trace_id
      | filter level in ["warning", "error"] and ispresent(causation_id)
      | stats count(*) as failures, latest(causation_id) as example by service, event
      | sort failures desc
    EOT
  }
}
