# Values are production's; each run spoils one.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "an_order_with_an_unknown_region_is_refused" {
  command = plan
  variables {
    delivery_order = ["us-west-1", "us-east-1"]
  }
  expect_failures = [var.delivery_order]
}
