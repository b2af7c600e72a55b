mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-backup" }
  }
}

variables {
  name       = "meridian-prod-us-east-1"
  account_id = "111122223333"
  vaults = {
    own_name = "meridian-prod"
    own_arn  = "arn:aws:backup:us-east-1:111122223333:backup-vault:meridian-prod"
    copy_arn = "arn:aws:backup:us-west-2:111122223333:backup-vault:meridian-prod"
  }
}

run "daily_and_monthly_with_a_copy_elsewhere" {
  assert {
    condition     = { for rule in aws_backup_plan.this.rule : rule.rule_name => one(rule.lifecycle).delete_after } == { daily = 35, monthly = 365 }
    error_message = "Daily recovery points are kept for 35 days, monthly ones for a year."
  }

  assert {
    condition     = alltrue([for rule in aws_backup_plan.this.rule : one(rule.copy_action).destination_vault_arn == var.vaults.copy_arn && one(one(rule.copy_action).lifecycle).delete_after >= 35])
    error_message = "Every recovery point is copied to the other region."
  }

  assert {
    condition     = one(one(aws_backup_selection.this.condition).string_equals) == { key = "aws:ResourceTag/backup", value = "meridian-prod-us-east-1" } && output.tag == { backup = "meridian-prod-us-east-1" }
    error_message = "What carries the tag is saved."
  }

  assert {
    condition     = toset(aws_backup_selection.this.resources) == toset(["arn:aws:rds:*:*:cluster:*", "arn:aws:rds:*:*:db:*", "arn:aws:s3:::*"])
    error_message = "Databases and buckets are saved whatever the account has opted in to."
  }

  assert {
    condition = toset([for attachment in aws_iam_role_policy_attachment.this : attachment.policy_arn]) == toset([
      "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
      "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores",
      "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup",
      "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Restore",
    ])
    error_message = "Databases and buckets are saved and restored."
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "AWS Backup acts for this account only."
  }
}

run "a_copy_in_the_same_region_is_refused" {
  command = plan
  variables {
    vaults = {
      own_name = "meridian-prod"
      own_arn  = "arn:aws:backup:us-east-1:111122223333:backup-vault:meridian-prod"
      copy_arn = "arn:aws:backup:us-east-1:111122223333:backup-vault:other"
    }
  }
  expect_failures = [var.vaults]
}

run "retention_outside_the_lock_is_refused" {
  command = plan
  variables {
    rules = { daily = { schedule = "cron(0 1 * * ? *)", keep_days = 1, copy_keep_days = 35 } }
  }
  expect_failures = [var.rules]
}
