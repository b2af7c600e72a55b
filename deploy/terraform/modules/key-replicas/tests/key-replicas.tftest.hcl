mock_provider "aws" {}

variables {
  name             = "meridian-prod"
  primary_key_arns = { backup = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000000" }
  policies         = { backup = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
}

run "a_replica_under_the_same_alias" {
  assert {
    condition     = aws_kms_replica_key.this["backup"].primary_key_arn == var.primary_key_arns["backup"] && aws_kms_replica_key.this["backup"].policy == var.policies["backup"]
    error_message = "The replica is of the primary and keeps its policy."
  }

  assert {
    condition     = aws_kms_alias.this["backup"].name == "alias/meridian-prod-backup"
    error_message = "The alias is the same in both regions."
  }
}

run "a_replica_without_a_policy_is_refused" {
  command = plan
  variables {
    policies = {}
  }
  expect_failures = [var.policies]
}

run "a_recovery_window_aws_would_refuse_is_refused" {
  command = plan
  variables {
    recovery_days = 1
  }
  expect_failures = [var.recovery_days]
}
