mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-config" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name                 = "meridian-prod"
  region               = "us-east-1"
  account_id           = "111122223333"
  bucket_name          = "meridian-prod-config"
  bucket_key_arn       = "arn:aws:kms:us-east-1:111122223333:key/mrk-2"
  records_global_types = true
}

run "the_master_records_everything" {
  command = plan
  assert {
    condition     = aws_config_configuration_recorder.this.recording_group[0].all_supported && aws_config_configuration_recorder.this.recording_group[0].include_global_resource_types
    error_message = "the master records global types too"
  }
  assert {
    condition     = aws_config_configuration_recorder_status.this.is_enabled
    error_message = "the recorder runs"
  }
}

run "other_regions_leave_iam_to_the_master" {
  command = plan
  variables {
    region               = "eu-west-1"
    records_global_types = false
  }
  assert {
    condition     = contains(aws_config_configuration_recorder.this.recording_group[0].exclusion_by_resource_types[0].resource_types, "AWS::IAM::Role")
    error_message = "IAM is recorded once"
  }
}

run "the_account_is_held_to_rules" {
  command = plan
  assert {
    condition = alltrue([
      for rule in ["RDS_STORAGE_ENCRYPTED", "S3_BUCKET_SSL_REQUESTS_ONLY", "VPC_FLOW_LOGS_ENABLED", "INCOMING_SSH_DISABLED", "CLOUD_TRAIL_ENABLED"] :
      contains(keys(aws_config_config_rule.this), rule)
    ])
    error_message = "encryption, TLS, flow logs, closed doors and the trail are rules"
  }
}

run "it_writes_to_its_bucket_alone" {
  command = plan
  assert {
    condition     = tolist(data.aws_iam_policy_document.deliver.statement)[0].resources == toset(["arn:aws:s3:::meridian-prod-config/config/AWSLogs/111122223333/*"])
    error_message = "one prefix of one bucket"
  }
}
