mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/x" }
  }
}

variables {
  name             = "meridian-prod-us-east-1"
  account_id       = "111122223333"
  cluster_arn      = "arn:aws:rds:us-east-1:111122223333:cluster:meridian-prod-us-east-1"
  database_key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-1"
  bucket           = { name = "meridian-prod-backups-111122223333-us-east-1", key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-2" }
}

run "every_week_the_tables_are_written_into_the_bucket_of_backups" {
  assert {
    condition     = aws_scheduler_schedule.this.schedule_expression == "cron(0 4 ? * SUN *)" && one(aws_scheduler_schedule.this.target).arn == "arn:aws:scheduler:::aws-sdk:rds:startExportTask"
    error_message = "Aurora is told to export every Sunday."
  }
  assert {
    condition     = jsondecode(one(aws_scheduler_schedule.this.target).input).SourceArn == var.cluster_arn && jsondecode(one(aws_scheduler_schedule.this.target).input).S3BucketName == var.bucket.name && jsondecode(one(aws_scheduler_schedule.this.target).input).KmsKeyId == var.bucket.key_arn
    error_message = "This cluster's tables, into this bucket, with its key."
  }
  assert {
    condition     = strcontains(jsondecode(one(aws_scheduler_schedule.this.target).input).ExportTaskIdentifier, "<aws.scheduler.execution-id>")
    error_message = "A task's name must be new each time."
  }
  assert {
    condition     = output.schedule_group == "meridian-prod-us-east-1-exports"
    error_message = "Calls that fail are counted by group."
  }
}

run "each_role_does_one_thing" {
  assert {
    condition = {
      for role, policy in aws_iam_role_policy.this : role => join(" ", flatten([for statement in jsondecode(policy.policy).Statement : statement.Resource if !startswith(statement.Action[0], "kms:")]))
      } == {
      scheduler = "arn:aws:rds:us-east-1:111122223333:cluster:meridian-prod-us-east-1 arn:aws:iam::111122223333:role/meridian-prod-us-east-1-database-export"
      export    = "arn:aws:s3:::meridian-prod-backups-111122223333-us-east-1/* arn:aws:s3:::meridian-prod-backups-111122223333-us-east-1"
    }
    error_message = "One begins the export of this cluster, the other writes its files."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this["scheduler"].policy).Statement[1].Condition.StringEquals["iam:PassedToService"] == "export.rds.amazonaws.com"
    error_message = "The role that writes is handed to the export alone."
  }
  assert {
    condition     = alltrue([for role in aws_iam_role.this : jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"])
    error_message = "The services act for this account only."
  }
}

run "a_schedule_that_is_none_is_refused" {
  command = plan
  variables {
    schedule = "weekly"
  }
  expect_failures = [var.schedule]
}
