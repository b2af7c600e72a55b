mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/rotate" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:us-east-1:111122223333:function:rotate" }
  }
}

variables {
  name        = "meridian-prod-us-east-1"
  region      = "us-east-1"
  account_id  = "111122223333"
  secret_arns = { order = "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/order/settings-AbCdEf" }
  cache = {
    address    = "clustercfg.example.com:6379"
    user_names = { order = "meridian-prod-us-east-1-order" }
    user_arns  = { order = "arn:aws:elasticache:us-east-1:111122223333:user:meridian-prod-us-east-1-order" }
  }
  kms_key_arns = {
    secrets = "arn:aws:kms:us-east-1:111122223333:key/mrk-secrets"
    logs    = "arn:aws:kms:us-east-1:111122223333:key/mrk-logs"
  }
}

run "every_month_and_at_once" {
  assert {
    condition = alltrue([for rotation in aws_secretsmanager_secret_rotation.this :
      rotation.rotation_rules[0].automatically_after_days == 30 && rotation.rotate_immediately && rotation.rotation_lambda_arn == aws_lambda_function.this.arn
    ])
    error_message = "Secrets rotate every 30 days, and once when they are made."
  }

  assert {
    condition     = jsondecode(aws_lambda_function.this.environment[0].variables.USERS) == { "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/order/settings-AbCdEf" = "meridian-prod-us-east-1-order" }
    error_message = "The function knows whose secret is whose."
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == var.kms_key_arns.secrets && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arns.logs
    error_message = "Environment and log are encrypted."
  }

  assert {
    condition     = aws_lambda_permission.this.principal == "secretsmanager.amazonaws.com" && aws_lambda_permission.this.source_account == "111122223333"
    error_message = "Secrets Manager of this account alone calls it."
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      !strcontains(jsonencode(statement.Action), "*") && !contains(flatten([statement.Resource]), "*")
    ])
    error_message = "It may touch these secrets, these users and this key."
  }
}

run "the_function_begins_each_secret_and_no_plan_reads_a_value" {
  assert {
    condition     = { for service, begun in aws_lambda_invocation.first : service => jsondecode(begun.input) } == { order = { SecretId = "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/order/settings-AbCdEf", Step = "begin" } }
    error_message = "Each secret gets its first value from the function."
  }
  assert {
    condition     = aws_lambda_invocation.first["order"].lifecycle_scope == "CREATE_ONLY"
    error_message = "It is asked once, when the secret is made."
  }
}

run "a_secret_of_a_service_without_a_user_is_refused" {
  command = plan
  variables {
    secret_arns = { auth = "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/auth/settings-AbCdEf" }
  }
  expect_failures = [var.secret_arns]
}

run "passwords_that_never_change_are_refused" {
  command = plan
  variables {
    every_days = 365
  }
  expect_failures = [var.every_days]
}
