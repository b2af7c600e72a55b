# Values are production's; each run spoils one.

mock_provider "aws" {
  mock_data "aws_ec2_managed_prefix_list" {
    defaults = { id = "pl-00000001" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "one_gateway_for_all_zones_is_refused_in_production" {
  command = plan
  variables {
    nat_gateways = 1
  }
  expect_failures = [var.nat_gateways]
}

run "in_aws_amazons_lists_are_found_by_name" {
  command = plan
  variables {
    emulator_endpoint = null
  }
  assert {
    condition = { for who, list in data.aws_ec2_managed_prefix_list.amazon : who => list.name } == {
      cloudfront      = "com.amazonaws.global.cloudfront.origin-facing"
      health_checkers = "com.amazonaws.us-east-1.route53-healthchecks"
    }
    error_message = "CloudFront's list is the world's, Route 53's the region's."
  }
  assert {
    condition     = local.prefix_list_ids == { cloudfront = "pl-00000001", health_checkers = "pl-00000001" }
    error_message = "The load balancer takes the lists that were found."
  }
}

run "where_there_is_no_aws_nobody_is_asked" {
  command = plan
  assert {
    condition     = length(data.aws_ec2_managed_prefix_list.amazon) == 0
    error_message = "A plan without an account asks nothing."
  }
}
