mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/x" }
  }
  mock_resource "aws_kinesis_firehose_delivery_stream" {
    defaults = { arn = "arn:aws:firehose:us-east-1:111122223333:deliverystream/meridian-prod-events" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:analytics" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name         = "meridian-prod"
  region       = "us-east-1"
  account_id   = "111122223333"
  regions      = ["us-east-1", "eu-west-1", "ap-south-1"]
  warehouse    = { name = "meridian-prod-warehouse-us-east-1", key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-2" }
  logs_key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-1"
  replicas     = { queue_arn = "arn:aws:sqs:us-east-1:111122223333:meridian-replicas", queue_key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-3" }
  topic_arns = {
    order-events   = "arn:aws:sns:us-east-1:111122223333:meridian-order-events"
    payment-events = "arn:aws:sns:us-east-1:111122223333:meridian-payment-events"
  }
}

run "every_topic_reaches_the_warehouse_encrypted" {
  assert {
    condition     = toset(keys(aws_sns_topic_subscription.this)) == toset(["order-events", "payment-events"])
    error_message = "each topic is subscribed"
  }
  assert {
    condition     = alltrue([for one in aws_sns_topic_subscription.this : one.protocol == "firehose" && one.raw_message_delivery && jsondecode(one.filter_policy).originregion == ["us-east-1"]])
    error_message = "the event alone is kept, and only the region's own"
  }
  assert {
    condition     = alltrue([for stream in aws_kinesis_firehose_delivery_stream.this : stream.server_side_encryption[0].key_type == "CUSTOMER_MANAGED_CMK" && stream.extended_s3_configuration[0].kms_key_arn == var.warehouse.key_arn])
    error_message = "events are encrypted on their way and where they lie"
  }
}

run "partitions_are_computed_and_lie_where_firehose_writes" {
  assert {
    condition     = aws_glue_catalog_table.events.parameters["projection.enabled"] == "true" && aws_glue_catalog_table.events.parameters["projection.region.values"] == "us-east-1,eu-west-1,ap-south-1"
    error_message = "no crawler, and every region"
  }
  assert {
    condition     = aws_glue_catalog_table.events.parameters["storage.location.template"] == "s3://meridian-prod-warehouse-$${region}/events/region=$${region}/day=$${day}/" && aws_kinesis_firehose_delivery_stream.this["events"].extended_s3_configuration[0].prefix == "events/region=us-east-1/day=!{timestamp:yyyy-MM-dd}/"
    error_message = "the table reads the folders that Firehose writes"
  }
}

run "what_other_regions_tell_is_consumed_and_can_be_asked_here" {
  assert {
    condition     = aws_pipes_pipe.replicas.source == var.replicas.queue_arn && aws_pipes_pipe.replicas.target == aws_kinesis_firehose_delivery_stream.this["replicas"].arn && one(aws_pipes_pipe.replicas.target_parameters).input_template == "<$.body>"
    error_message = "the pipe carries the event alone out of the queue into the stream"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this["replicas"].extended_s3_configuration[0].prefix == "replicas/day=!{timestamp:yyyy-MM-dd}/" && aws_glue_catalog_table.replicas.parameters["storage.location.template"] == "s3://meridian-prod-warehouse-us-east-1/replicas/day=$${day}/"
    error_message = "the table reads the folder the stream writes, in this region alone"
  }
  assert {
    condition     = aws_iam_role.pipe.name == "meridian-prod-us-east-1-warehouse"
    error_message = "the queue's policy knows the pipe's role by its name"
  }
  assert {
    condition     = tolist(data.aws_iam_policy_document.pipe.statement)[0].resources == toset(["arn:aws:sqs:us-east-1:111122223333:meridian-replicas"])
    error_message = "the pipe reads one queue"
  }
}

run "questions_are_bounded_and_saved" {
  assert {
    condition     = aws_athena_workgroup.this.configuration[0].bytes_scanned_cutoff_per_query == 107374182400 && aws_athena_workgroup.this.configuration[0].enforce_workgroup_configuration
    error_message = "no query reads more than 100 GiB"
  }
  assert {
    condition     = length(aws_athena_named_query.this) == 5 && alltrue([for query in aws_athena_named_query.this : length(query.description) > 10])
    error_message = "five questions are saved, with what they answer"
  }
}

run "nobody_writes_elsewhere" {
  assert {
    condition     = toset(tolist(data.aws_iam_policy_document.firehose.statement)[0].resources) == toset(["arn:aws:s3:::meridian-prod-warehouse-us-east-1/events/*", "arn:aws:s3:::meridian-prod-warehouse-us-east-1/replicas/*", "arn:aws:s3:::meridian-prod-warehouse-us-east-1/failed/*"])
    error_message = "Firehose writes three folders"
  }
  assert {
    condition     = alltrue([for document in [data.aws_iam_policy_document.firehose, data.aws_iam_policy_document.sns, data.aws_iam_policy_document.pipe] : alltrue([for statement in document.statement : !contains(statement.resources, "*")])])
    error_message = "no resource is *"
  }
}

run "a_region_that_no_query_finds_is_refused" {
  command = plan
  variables {
    regions = ["eu-west-1"]
  }
  expect_failures = [var.regions]
}
