mock_provider "aws" {
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000000" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/secret-AbCdEf" }
  }
}

variables {
  region        = "us-east-1"
  account_id    = "111122223333"
  secret_prefix = "meridian/prod"
  copy          = { region = "us-west-2", key_arn = "arn:aws:kms:us-west-2:111122223333:key/mrk-00000000000040008000000000000000" }
}

run "a_key_for_each_purpose" {
  assert {
    condition     = toset(keys(aws_kms_key.this)) == toset(["database", "cache", "messaging", "storage", "warehouse", "secrets", "logs", "backup", "personal"])
    error_message = "Keys are apart by purpose."
  }

  assert {
    condition     = alltrue([for key in aws_kms_key.this : key.multi_region && key.enable_key_rotation && key.rotation_period_in_days == 365 && key.deletion_window_in_days == 30])
    error_message = "Keys are multi-region, rotate yearly, and are kept for 30 days after deletion."
  }

  assert {
    condition     = aws_kms_alias.this["database"].name == "alias/meridian-prod-database"
    error_message = "An alias names the key."
  }
}

run "key_policies_allow_no_wildcard_action" {
  assert {
    condition = alltrue(flatten([
      for key in aws_kms_key.this : [for statement in jsondecode(key.policy).Statement : !strcontains(jsonencode([statement.Action, statement.Principal]), "*")]
    ]))
    error_message = "Actions and principals are listed."
  }

  assert {
    condition = alltrue(flatten([
      for key in aws_kms_key.this : [
        for statement in jsondecode(key.policy).Statement :
        try(statement.Condition.StringEquals["aws:SourceAccount"], "") == "111122223333" || can(regex("^arn:aws:(logs|sns):us-east-1:111122223333:", one(values(statement.Condition.ArnLike))))
        if can(statement.Principal.Service)
      ]
    ]))
    error_message = "An AWS service uses a key for this account only."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_kms_key.this["messaging"].policy).Statement :
      try(statement.Principal.Service, "") == "sns.amazonaws.com" && contains(statement.Action, "kms:GenerateDataKey") && contains(statement.Action, "kms:Decrypt")
    ])
    error_message = "SNS writes to encrypted queues only if the key lets it."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_kms_key.this["messaging"].policy).Statement : statement.Condition if try(statement.Principal.Service, "") == "backup.amazonaws.com"
    ]) == { ArnLike = { "kms:EncryptionContext:aws:sns:topicArn" = "arn:aws:sns:us-east-1:111122223333:*" } }
    error_message = "AWS Backup tells an encrypted topic of failures, one of this account."
  }

  assert {
    condition     = anytrue([for statement in jsondecode(aws_kms_key.this["logs"].policy).Statement : try(statement.Principal.Service, "") == "logs.us-east-1.amazonaws.com"])
    error_message = "CloudWatch Logs is a principal of its region."
  }
}

run "secrets_at_the_names_the_chart_reads" {
  assert {
    condition = toset(keys(aws_secretsmanager_secret.this)) == toset(concat(
      ["meridian/prod/trust-bundle", "meridian/prod/database-bootstrap", "meridian/prod/gateway/certificate"],
      flatten([for service in ["auth", "user", "product", "cart", "order", "payment"] : [for kind in ["settings", "migrator", "identity"] : "meridian/prod/${service}/${kind}"]]),
    ))
    error_message = "The chart's external secrets find what they ask for."
  }

  assert {
    condition = alltrue([for secret in aws_secretsmanager_secret.this :
      secret.kms_key_id == aws_kms_key.this["secrets"].arn && one(secret.replica).region == "us-west-2" && one(secret.replica).kms_key_id == var.copy.key_arn && secret.recovery_window_in_days == 30
    ])
    error_message = "Secrets are encrypted with their own key and replicated under its replica."
  }

  assert {
    condition = alltrue([for policy in aws_secretsmanager_secret_policy.this :
      policy.block_public_policy && anytrue([for statement in jsondecode(policy.policy).Statement : try(statement.Condition.Bool["aws:SecureTransport"], "") == "false" && statement.Effect == "Deny"])
    ])
    error_message = "Secrets are read over TLS only."
  }

  assert {
    condition     = alltrue(flatten([for policy in aws_secretsmanager_secret_policy.this : [for statement in jsondecode(policy.policy).Statement : statement.Effect == "Deny"]]))
    error_message = "A secret's policy grants nothing; roles' own policies do."
  }

  assert {
    condition     = keys(output.secret_arns["order"]) == ["identity", "migrator", "settings"] && keys(output.shared_secret_arns) == ["database-bootstrap", "gateway/certificate", "trust-bundle"]
    error_message = "Others find secrets by service and kind."
  }
}

run "a_missing_purpose_is_refused" {
  command = plan
  variables {
    keys = { database = { description = "everything" } }
  }
  expect_failures = [var.keys]
}

run "keys_that_rotate_too_seldom_are_refused" {
  command = plan
  variables {
    rotation_days = 2000
  }
  expect_failures = [var.rotation_days]
}

run "a_prefix_that_is_not_the_charts_is_refused" {
  command = plan
  variables {
    secret_prefix = "meridian/prod/"
  }
  expect_failures = [var.secret_prefix]
}

run "a_recovery_window_aws_would_refuse_is_refused" {
  command = plan
  variables {
    recovery_days = 1
  }
  expect_failures = [var.recovery_days]
}
