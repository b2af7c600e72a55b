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
