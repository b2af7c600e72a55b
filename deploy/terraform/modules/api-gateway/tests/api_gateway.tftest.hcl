# Shape b: the route table's API, throttled, with a real authorizer and no way around.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mocked" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:us-east-1:111122223333:function:authorizer", invoke_arn = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/authorizer/invocations" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:access" }
  }
  mock_resource "aws_api_gateway_stage" {
    defaults = { arn = "arn:aws:apigateway:us-east-1::/restapis/a/stages/live" }
  }
  mock_resource "aws_apigatewayv2_vpc_link" {
    defaults = { id = "link-1" }
  }
}

variables {
  name         = "meridian-prod-us-east-1"
  region       = "us-east-1"
  account_id   = "111122223333"
  openapi_file = "../../../gateway/api-gateway.json"
  web_acl_arn  = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/meridian/1"
  method_settings = {
    "v1/me/GET"          = { throttling_rate_limit = 10000, throttling_burst_limit = 20000 }
    "v1/auth/login/POST" = { throttling_rate_limit = 500, throttling_burst_limit = 1000 }
  }
  domain = {
    names           = ["api-us.example.com", "api-latency.example.com"]
    certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000000"
  }
  backend = {
    load_balancer_arn  = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/internal/1"
    dns_name           = "internal-meridian-1.us-east-1.elb.amazonaws.com"
    host               = "api-us.example.com"
    subnet_ids         = ["subnet-10", "subnet-11", "subnet-12"]
    security_group_ids = ["sg-1"]
  }
  authorizer = {
    image_uri = "111122223333.dkr.ecr.us-east-1.amazonaws.com/meridian/authorizer@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    issuer    = "https://api.example.com"
    audience  = "meridian"

    security_group_ids = ["sg-2"]
  }
}

run "there_is_no_way_around" {
  command = apply

  assert {
    condition     = aws_api_gateway_rest_api.this.disable_execute_api_endpoint && aws_wafv2_web_acl_association.this.web_acl_arn == var.web_acl_arn
    error_message = "The default endpoint is off and the firewall stands before the stage."
  }
  assert {
    condition     = toset(keys(aws_api_gateway_domain_name.this)) == toset(var.domain.names) && alltrue([for d in aws_api_gateway_domain_name.this : d.security_policy == "TLS_1_2" && d.regional_certificate_arn == var.domain.certificate_arn])
    error_message = "It answers to its own names, by TLS 1.2."
  }
}

run "the_api_is_the_route_tables" {
  command = apply

  assert {
    condition     = length(jsondecode(aws_api_gateway_rest_api.this.body).paths) == length(jsondecode(file(var.openapi_file)).paths) + 1
    error_message = "Every generated path, and the health check's."
  }
  assert {
    condition     = alltrue(flatten([for path in values(jsondecode(aws_api_gateway_rest_api.this.body).paths) : [for method in values(path) : method["x-amazon-apigateway-integration"].connectionType == "VPC_LINK" && method["x-amazon-apigateway-integration"].connectionId == "link-1" && method["x-amazon-apigateway-integration"].integrationTarget == var.backend.load_balancer_arn if can(method["x-amazon-apigateway-integration"].connectionType)]]))
    error_message = "Requests go through the VPC link to the internal load balancer."
  }
  assert {
    condition     = jsondecode(aws_api_gateway_rest_api.this.body).components.securitySchemes.meridian["x-amazon-apigateway-authorizer"].type == "request" && jsondecode(aws_api_gateway_rest_api.this.body).components.securitySchemes.meridian["x-amazon-apigateway-authorizer"].authorizerUri == aws_lambda_function.authorizer.invoke_arn
    error_message = "Tokens are checked by a REQUEST authorizer, which REST APIs have."
  }
  assert {
    condition     = !strcontains(aws_api_gateway_rest_api.this.body, "$${")
    error_message = "No placeholder is left."
  }
}

run "the_function_fetches_keys_inside_the_vpc" {
  command = apply

  assert {
    condition = aws_lambda_function.authorizer.environment[0].variables == tomap({
      ISSUER   = "https://api.example.com", AUDIENCE = "meridian"
      JWKS_URL = "https://api-us.example.com/.well-known/jwks.json", JWKS_ADDRESS = "internal-meridian-1.us-east-1.elb.amazonaws.com"
    })
    error_message = "It is told all that its settings (edge/authorizer/settings.py) need, and asks the internal load balancer by the name on the certificate."
  }
  assert {
    condition     = toset(aws_lambda_function.authorizer.vpc_config[0].subnet_ids) == toset(["subnet-10", "subnet-11", "subnet-12"]) && toset(aws_lambda_function.authorizer.vpc_config[0].security_group_ids) == toset(["sg-2"])
    error_message = "It has an address in every zone of the application tier."
  }
}

run "methods_are_throttled_by_their_rate_class" {
  command = apply

  assert {
    condition     = aws_api_gateway_method_settings.usual.method_path == "*/*" && aws_api_gateway_method_settings.usual.settings[0].throttling_rate_limit == 10000 && !aws_api_gateway_method_settings.usual.settings[0].data_trace_enabled
    error_message = "What most methods may is the stage's default; bodies are not logged."
  }
  assert {
    condition     = keys(aws_api_gateway_method_settings.unlike) == ["v1/auth/login/POST"] && aws_api_gateway_method_settings.unlike["v1/auth/login/POST"].settings[0].throttling_rate_limit == 500
    error_message = "Logins may less."
  }
}

run "roles_hold_no_star" {
  command = apply

  assert {
    condition     = jsondecode(aws_iam_role_policy.invoker.policy).Statement[0].Resource == [aws_lambda_function.authorizer.arn] && jsondecode(aws_iam_role_policy.invoker.policy).Statement[0].Action == ["lambda:InvokeFunction"]
    error_message = "API Gateway calls the one function."
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.authorizer.policy).Statement : alltrue([for action in s.Action : !strcontains(action, "*")])])
    error_message = "The function writes its log and traces."
  }
}

run "refuses_a_missing_certificate" {
  command = plan
  variables {
    domain = { names = ["api-us.example.com"], certificate_arn = "" }
  }
  expect_failures = [var.domain]
}

run "refuses_a_method_without_a_limit" {
  command = plan
  variables {
    method_settings = { "v1/me/GET" = { throttling_rate_limit = 0, throttling_burst_limit = 0 } }
  }
  expect_failures = [var.method_settings]
}

run "refuses_an_image_by_tag" {
  command = plan
  variables {
    authorizer = { image_uri = "111122223333.dkr.ecr.us-east-1.amazonaws.com/meridian/authorizer:latest", issuer = "https://a", audience = "m", security_group_ids = ["sg-2"] }
  }
  expect_failures = [var.authorizer]
}

run "refuses_to_stand_without_a_firewall" {
  command = plan
  variables {
    web_acl_arn = ""
  }
  expect_failures = [var.web_acl_arn]
}

run "refuses_an_api_that_was_not_generated" {
  command = plan
  variables {
    openapi_file = "nowhere.json"
  }
  expect_failures = [var.openapi_file]
}
