mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:trail" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/meridian-prod-trail" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name            = "meridian-prod"
  region          = "us-east-1"
  account_id      = "111122223333"
  regions         = ["us-east-1", "eu-west-1", "ap-south-1"]
  alarm_topic_arn = "arn:aws:sns:us-east-1:111122223333:meridian-prod-alarms"
  keys = {
    logs    = "arn:aws:kms:us-east-1:111122223333:key/mrk-1"
    storage = "arn:aws:kms:us-east-1:111122223333:key/mrk-2"
  }
  watched_bucket_arns = ["arn:aws:s3:::meridian-prod-backups"]
}

run "one_trail_watches_every_region_and_can_be_proven_unchanged" {
  assert {
    condition     = aws_cloudtrail.this.is_multi_region_trail && aws_cloudtrail.this.include_global_service_events
    error_message = "the trail covers all regions and the global services"
  }
  assert {
    condition     = aws_cloudtrail.this.enable_log_file_validation && aws_cloudtrail.this.kms_key_id == var.keys.storage
    error_message = "its files are validated and encrypted"
  }
  assert {
    condition     = length(aws_cloudtrail.this.advanced_event_selector) == 2
    error_message = "management events and the watched buckets' objects are recorded"
  }
}

run "nothing_can_be_deleted_from_the_trails_bucket" {
  assert {
    condition     = aws_s3_bucket.this["trail"].object_lock_enabled && aws_s3_bucket_object_lock_configuration.trail.rule[0].default_retention[0].days == 365
    error_message = "objects are locked for a year"
  }
  assert {
    condition     = aws_cloudtrail.this.s3_bucket_name == aws_s3_bucket.this["trail"].id
    error_message = "the trail is written where nothing can be deleted"
  }
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.restrict_public_buckets && block.block_public_policy])
    error_message = "no bucket is ever public"
  }
  assert {
    condition     = alltrue([for document in data.aws_iam_policy_document.bucket : one([for statement in document.statement : statement.effect if statement.sid == "TlsOnly"]) == "Deny"])
    error_message = "both buckets speak TLS only"
  }
}

run "config_writes_to_a_bucket_without_a_default_retention" {
  assert {
    condition     = !aws_s3_bucket.this["config"].object_lock_enabled && aws_s3_bucket_object_lock_configuration.trail.bucket != aws_s3_bucket.this["config"].id
    error_message = "AWS Config cannot deliver to a bucket whose objects are locked by default"
  }
  assert {
    condition     = { for writer, name in output.bucket_names : writer => name } == { trail = "meridian-prod-audit-111122223333-us-east-1", config = "meridian-prod-config-111122223333-us-east-1" }
    error_message = "each writer is told its own bucket"
  }
  assert {
    condition = {
      for writer, document in data.aws_iam_policy_document.bucket :
      writer => join(" ", distinct(flatten([for statement in document.statement : [for principal in statement.principals : tolist(principal.identifiers)] if statement.effect != "Deny"])))
    } == { trail = "cloudtrail.amazonaws.com", config = "config.amazonaws.com" }
    error_message = "a bucket has one writer"
  }
}

run "config_of_all_regions_is_seen_together" {
  assert {
    condition     = toset(aws_config_configuration_aggregator.this.account_aggregation_source[0].regions) == toset(["us-east-1", "eu-west-1", "ap-south-1"])
    error_message = "the aggregator names every region"
  }
}

run "what_nobody_should_find_out_by_chance_is_told" {
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset(["key-scheduled", "policy-changed", "root-used", "signed-in-sans-mfa", "trail-changed", "unauthorised"])
    error_message = "six calls have alarms"
  }
  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name == aws_cloudwatch_log_metric_filter.this[name].metric_transformation[0].name])
    error_message = "each alarm watches what its filter counts"
  }
}

run "the_trails_role_writes_one_log_group" {
  assert {
    condition     = tolist(data.aws_iam_policy_document.write.statement)[0].resources == toset(["arn:aws:logs:us-east-1:111122223333:log-group:trail:log-stream:111122223333_CloudTrail_*"])
    error_message = "the role reaches its own streams alone"
  }
}

run "a_short_memory_is_refused" {
  command = plan
  variables {
    retention_days = 7
  }
  expect_failures = [var.retention_days]
}
