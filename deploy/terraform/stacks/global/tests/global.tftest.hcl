# Values are production's, spoilt.

mock_provider "aws" {}

run "a_region_never_chosen_a_copy_in_place_and_open_doors_are_refused" {
  command = plan
  variables {
    routing           = { us-east-1 = { continents = ["NA"], weight = 100, turn = 0 } }
    asset_copy_region = "us-east-1"
    bot_control       = null
  }
  expect_failures = [var.routing, var.asset_copy_region, var.bot_control]
}

run "a_missing_origin_secret_is_refused_in_aws" {
  command = plan
  variables {
    emulator_endpoint = null
  }
  expect_failures = [var.origin_secret]
}

run "a_short_origin_secret_is_refused_in_aws" {
  command = plan
  variables {
    emulator_endpoint = null
    origin_secret     = "open sesame"
  }
  expect_failures = [var.origin_secret]
}

run "the_policies_of_aws_are_asked_for_by_name_where_there_is_aws" {
  command = plan
  variables {
    emulator_endpoint = null
    origin_secret     = "0123456789abcdef0123456789abcdef"
  }

  assert {
    condition = toset(concat(
      [for policy in data.aws_cloudfront_cache_policy.managed : policy.name],
      [for policy in data.aws_cloudfront_origin_request_policy.managed : policy.name],
      [for policy in data.aws_cloudfront_response_headers_policy.managed : policy.name],
    )) == toset(["Managed-CachingDisabled", "Managed-AllViewerExceptHostHeader", "Managed-SecurityHeadersPolicy"])
    error_message = "Each of AWS's policies in use is looked up, and none by an id."
  }
  assert {
    condition     = local.managed_policy_ids.cache["CachingDisabled"] == data.aws_cloudfront_cache_policy.managed["CachingDisabled"].id
    error_message = "What AWS answers is what is used."
  }
}
