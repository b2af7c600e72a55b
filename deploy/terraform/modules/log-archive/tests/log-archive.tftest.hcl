mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/x" }
  }
  mock_resource "aws_kinesis_firehose_delivery_stream" {
    defaults = { arn = "arn:aws:firehose:us-east-1:111122223333:deliverystream/meridian-prod-logs" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:archive" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name         = "meridian-prod"
  region       = "us-east-1"
  account_id   = "111122223333"
  log_groups   = ["/aws/containerinsights/meridian-prod-us-east-1/application"]
  bucket       = { name = "meridian-prod-logs-111122223333-us-east-1", key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-1" }
  logs_key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-2"
}

run "every_line_of_the_services_reaches_the_bucket_of_logs" {
  assert {
    condition     = { for group, filter in aws_cloudwatch_log_subscription_filter.this : group => filter.destination_arn } == { "/aws/containerinsights/meridian-prod-us-east-1/application" = aws_kinesis_firehose_delivery_stream.this.arn }
    error_message = "the log group's lines go to the delivery stream"
  }
  assert {
    condition     = alltrue([for filter in aws_cloudwatch_log_subscription_filter.this : filter.filter_pattern == ""])
    error_message = "no line is left out"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].bucket_arn == "arn:aws:s3:::meridian-prod-logs-111122223333-us-east-1" && aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].kms_key_arn == var.bucket.key_arn
    error_message = "the stream writes the bucket of logs, with its key"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].processing_configuration[0].processors[*].type == tolist(["Decompression", "CloudWatchLogProcessing"])
    error_message = "lines are kept, not packed envelopes"
  }
}

run "each_role_does_one_thing" {
  assert {
    condition     = toset(tolist(data.aws_iam_policy_document.firehose.statement)[0].resources) == toset(["arn:aws:s3:::meridian-prod-logs-111122223333-us-east-1/application/*", "arn:aws:s3:::meridian-prod-logs-111122223333-us-east-1/failed/*"])
    error_message = "Firehose writes two folders"
  }
  assert {
    condition     = alltrue([for document in [data.aws_iam_policy_document.firehose, data.aws_iam_policy_document.logs] : alltrue([for statement in document.statement : !contains(statement.resources, "*")])])
    error_message = "no resource is *"
  }
}

run "an_archive_of_nothing_is_refused" {
  command = plan
  variables {
    log_groups = []
  }
  expect_failures = [var.log_groups]
}

run "a_file_a_second_is_refused" {
  command = plan
  variables {
    buffer_seconds = 1
  }
  expect_failures = [var.buffer_seconds]
}
