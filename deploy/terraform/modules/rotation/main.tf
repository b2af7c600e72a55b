# Secrets Manager rotates the services' passwords for the cache every month, by a function that adds a second password to
# the user, so that nothing is cut off. The first rotation, at creation, makes the first password: Terraform knows none.

locals {
  function = "${var.name}-rotate-cache-users"
  log_arn  = "arn:aws:logs:${var.region}:${var.account_id}:log-group:/aws/lambda/${local.function}"
}

resource "aws_lambda_function" "this" {
  function_name    = local.function
  description      = "Adds a new password to a user of the cache and writes it into the service's secret"
  role             = aws_iam_role.this.arn
  filename         = "${path.module}/function.zip"
  source_code_hash = filebase64sha256("${path.module}/function.zip")
  handler          = "function.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  timeout          = 150
  memory_size      = 128
  kms_key_arn      = var.kms_key_arns.secrets
  tags             = var.tags

  environment {
    variables = {
      ADDRESS = var.cache.address
      USERS   = jsonencode({ for service, arn in var.secret_arns : arn => var.cache.user_names[service] })
    }
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.function}"
  retention_in_days = 365
  kms_key_id        = var.kms_key_arns.logs
  tags              = var.tags
}

resource "aws_lambda_permission" "this" {
  statement_id   = "secrets-manager"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = var.account_id
}

# A secret without any value cannot be rotated; the function gives it its first, and leaves one that is there alone. Whoever
# plans reads nothing of it: a version of a secret as a resource would have every plan fetch its value.
resource "aws_lambda_invocation" "first" {
  for_each = var.secret_arns

  function_name   = aws_lambda_function.this.function_name
  input           = jsonencode({ SecretId = each.value, Step = "begin" })
  lifecycle_scope = "CREATE_ONLY"
}

resource "aws_secretsmanager_secret_rotation" "this" {
  for_each = var.secret_arns

  secret_id           = each.value
  rotation_lambda_arn = aws_lambda_function.this.arn
  rotate_immediately  = true

  rotation_rules {
    automatically_after_days = var.every_days
  }

  depends_on = [aws_lambda_invocation.first, aws_lambda_permission.this]
}

resource "aws_iam_role" "this" {
  name = local.function
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })

  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "this" {
  name = "rotate"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "WritesTheSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
        Resource = values(var.secret_arns)
      },
      {
        Sid      = "UsesTheirKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.kms_key_arns.secrets
      },
      {
        Sid      = "ChangesTheUsers"
        Effect   = "Allow"
        Action   = ["elasticache:DescribeUsers", "elasticache:ModifyUser"]
        Resource = values(var.cache.user_arns)
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${local.log_arn}:log-stream:*"
      },
    ]
  })
}
