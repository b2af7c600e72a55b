# A REST API knows no JWT authorizer: tokens are checked by a function (type REQUEST; its source is edge/authorizer), whose
# answer is kept for a minute. Services verify every token again; the function spares them what is plainly bad. It fetches
# auth's keys inside the VPC, at the internal load balancer, which proves the public name: no way out and in again.

resource "aws_cloudwatch_log_group" "authorizer" {
  name              = "/aws/lambda/${var.name}-authorizer"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.logs.kms_key_arn

  tags = var.tags
}

resource "aws_iam_role" "authorizer" {
  name        = "${var.name}-authorizer"
  description = "The function that checks tokens: it writes its log and its traces."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })

  tags = var.tags

  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "authorizer" {
  name = "log"
  role = aws_iam_role.authorizer.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:${var.region}:${var.account_id}:log-group:${aws_cloudwatch_log_group.authorizer.name}:*"]
      },
      {
        # X-Ray knows no resource but *.
        Effect    = "Allow"
        Action    = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:RequestedRegion" = var.region } }
      },
    ]
  })
}

# Amazon's own policy: Lambda makes and removes the function's network interfaces, whose names nobody knows before.
resource "aws_iam_role_policy_attachment" "authorizer" {
  role       = aws_iam_role.authorizer.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaENIManagementAccess"
}

resource "aws_lambda_function" "authorizer" {
  function_name = "${var.name}-authorizer"
  description   = "Checks access tokens for API Gateway."
  role          = aws_iam_role.authorizer.arn
  package_type  = "Image"
  image_uri     = var.authorizer.image_uri
  architectures = ["x86_64"]
  memory_size   = 512
  timeout       = 3

  environment {
    variables = {
      ISSUER       = var.authorizer.issuer
      AUDIENCE     = var.authorizer.audience
      JWKS_URL     = "https://${var.backend.host}/.well-known/jwks.json"
      JWKS_ADDRESS = var.backend.dns_name
    }
  }

  vpc_config {
    subnet_ids         = var.backend.subnet_ids
    security_group_ids = var.authorizer.security_group_ids
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.authorizer.name
  }

  tracing_config {
    mode = "Active"
  }

  tags = var.tags

  depends_on = [aws_iam_role_policy.authorizer, aws_iam_role_policy_attachment.authorizer]
}

# API Gateway calls the function with this role, and may call nothing else.
resource "aws_iam_role" "invoker" {
  name        = "${var.name}-authorizer-invoker"
  description = "API Gateway calls the function that checks tokens."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })

  tags = var.tags

  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "invoker" {
  name = "invoke"
  role = aws_iam_role.invoker.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [aws_lambda_function.authorizer.arn]
    }]
  })
}
