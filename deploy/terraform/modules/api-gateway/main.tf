# Shape b: a REST API (HTTP APIs take no firewall) imported from the route table's OpenAPI, behind its own names alone.

locals {
  stage = "live"

  body = jsondecode(templatefile(var.openapi_file, {
    domain_name         = var.domain.names[0]
    authorizer_uri      = aws_lambda_function.authorizer.invoke_arn
    authorizer_role_arn = aws_iam_role.invoker.arn
    internal_host       = var.backend.host
    load_balancer_arn   = var.backend.load_balancer_arn
    vpc_link_id         = aws_apigatewayv2_vpc_link.this.id
  }))

  # Route 53's health checkers ask here, as they do in shape a; Istio's gateway answers.
  health = {
    "/ready" = {
      get = {
        responses = { default = { description = "Whether the region is well." } }
        "x-amazon-apigateway-integration" = {
          type              = "http_proxy"
          httpMethod        = "GET"
          uri               = "https://${var.backend.host}/healthz/ready"
          connectionType    = "VPC_LINK"
          connectionId      = aws_apigatewayv2_vpc_link.this.id
          integrationTarget = var.backend.load_balancer_arn
          timeoutInMillis   = 2000
        }
      }
    }
  }

  openapi = jsonencode(merge(local.body, { paths = merge(local.body.paths, local.health) }))

  # What most methods may is the stage's default; only the others get a setting of their own.
  rates  = [for one in values(var.method_settings) : one.throttling_rate_limit]
  usual  = [for one in values(var.method_settings) : one if one.throttling_rate_limit == max(local.rates...)][0]
  unlike = { for path, one in var.method_settings : path => one if one != local.usual }
}

resource "aws_apigatewayv2_vpc_link" "this" {
  name               = var.name
  subnet_ids         = var.backend.subnet_ids
  security_group_ids = var.backend.security_group_ids

  tags = var.tags
}

resource "aws_api_gateway_rest_api" "this" {
  name                         = var.name
  description                  = "The shop's edge, generated from deploy/gateway/routes.json."
  body                         = local.openapi
  put_rest_api_mode            = "overwrite"
  disable_execute_api_endpoint = true
  fail_on_warnings             = true

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  triggers    = { openapi = sha256(local.openapi) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${var.name}/access"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.logs.kms_key_arn

  tags = var.tags
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = local.stage
  xray_tracing_enabled = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # No query string, no header: tokens and addresses of customers travel there.
    format = jsonencode({
      requestId = "$context.requestId", time = "$context.requestTimeEpoch", method = "$context.httpMethod", resource = "$context.resourcePath"
      status    = "$context.status", latency = "$context.responseLatency", integration = "$context.integration.latency"
      error     = "$context.error.responseType", waf = "$context.waf.status", authorizer = "$context.authorizer.error"
      client    = "$context.authorizer.client", home = "$context.authorizer.homeRegion"
    })
  }

  tags = var.tags

  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "usual" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = "ERROR"
    data_trace_enabled     = false
    caching_enabled        = false
    throttling_rate_limit  = local.usual.throttling_rate_limit
    throttling_burst_limit = local.usual.throttling_burst_limit
  }
}

resource "aws_api_gateway_method_settings" "unlike" {
  for_each = local.unlike

  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = each.key

  settings {
    metrics_enabled        = true
    logging_level          = "ERROR"
    data_trace_enabled     = false
    caching_enabled        = false
    throttling_rate_limit  = each.value.throttling_rate_limit
    throttling_burst_limit = each.value.throttling_burst_limit
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  resource_arn = aws_api_gateway_stage.this.arn
  web_acl_arn  = var.web_acl_arn
}

resource "aws_api_gateway_domain_name" "this" {
  for_each = toset(var.domain.names)

  domain_name              = each.key
  regional_certificate_arn = var.domain.certificate_arn
  security_policy          = "TLS_1_2"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  tags = var.tags
}

resource "aws_api_gateway_base_path_mapping" "this" {
  for_each = aws_api_gateway_domain_name.this

  api_id      = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  domain_name = each.value.domain_name
}

# One per account and region: API Gateway's permission to write logs.
resource "aws_iam_role" "logs" {
  name        = "${var.name}-api-gateway-logs"
  description = "API Gateway writes its logs."

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

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.logs.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.logs.arn

  depends_on = [aws_iam_role_policy_attachment.logs]
}
