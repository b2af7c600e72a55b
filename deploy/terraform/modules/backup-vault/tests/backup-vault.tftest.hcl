mock_provider "aws" {}

variables {
  name        = "meridian-prod"
  region      = "us-west-2"
  account_id  = "111122223333"
  kms_key_arn = "arn:aws:kms:us-west-2:111122223333:key/mrk-00000000000040008000000000000001"
}

run "a_locked_encrypted_vault" {
  assert {
    condition     = output.arn == "arn:aws:backup:us-west-2:111122223333:backup-vault:meridian-prod"
    error_message = "A plan says where the vault is before it is made."
  }

  assert {
    condition     = aws_backup_vault.this.kms_key_arn == var.kms_key_arn
    error_message = "Recovery points are encrypted with the customer's key."
  }

  assert {
    condition = (
      aws_backup_vault_lock_configuration.this.min_retention_days == 7
      && aws_backup_vault_lock_configuration.this.max_retention_days == 2555
      && aws_backup_vault_lock_configuration.this.changeable_for_days == 14
    )
    error_message = "The lock keeps recovery points for 7 days to 7 years and is final after 14 days."
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_backup_vault_policy.this.policy).Statement : statement.Effect == "Deny" && !strcontains(jsonencode(statement.Action), "*")]) && anytrue([
      for statement in jsondecode(aws_backup_vault_policy.this.policy).Statement : contains(statement.Action, "backup:DeleteRecoveryPoint")
    ])
    error_message = "Nobody deletes recovery points."
  }
}

run "governance_mode_for_what_will_be_destroyed" {
  variables {
    changeable_days = null
  }

  assert {
    condition     = aws_backup_vault_lock_configuration.this.changeable_for_days == null
    error_message = "Without days the lock stays removable."
  }
}

run "a_lock_that_is_final_at_once_is_refused" {
  command = plan
  variables {
    changeable_days = 1
  }
  expect_failures = [var.changeable_days]
}

run "retention_in_the_wrong_order_is_refused" {
  command = plan
  variables {
    retention_days = { least = 30, most = 7 }
  }
  expect_failures = [var.retention_days]
}
