# Values are production's, spoilt.

mock_provider "aws" {}

run "an_edge_without_a_zone_a_shape_or_protection_is_refused_in_production" {
  command = plan
  variables {
    global              = { hosted_zone_id = "", origin_name = "api-latency.example.com", origin_secrets = ["an-example-for-plans-without-an-account"] }
    shape               = "nlb"
    deletion_protection = false
  }
  expect_failures = [var.global, var.shape, var.deletion_protection]
}

run "an_api_gateway_without_its_authorizer_is_refused" {
  command = plan
  variables {
    shape = "apigateway"
  }
  expect_failures = [var.authorizer_image_uri]
}
