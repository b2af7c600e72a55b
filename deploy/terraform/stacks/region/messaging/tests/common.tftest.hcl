# What every stack is told (stacks/shared/common.tf), tried on the smallest one. Values are production's; each run spoils one.

mock_provider "aws" {}

run "names_that_are_none_are_refused" {
  command = plan
  variables {
    environment = "production"
    domain      = "https://example.com"
    account_id  = "1111-2222-3333"
  }
  expect_failures = [var.environment, var.domain, var.account_id]
}

run "a_region_without_a_row_is_refused" {
  command = plan
  variables {
    region = "us-west-1"
  }
  expect_failures = [var.region]
}

run "a_network_that_is_no_16_is_refused" {
  command = plan
  variables {
    regions = { us-east-1 = merge(var.regions["us-east-1"], { cidr = "10.0.0.0/24" }) }
  }
  expect_failures = [var.regions]
}

run "an_address_that_is_none_is_refused" {
  command = plan
  variables {
    regions = { us-east-1 = merge(var.regions["us-east-1"], { cidr = "10.256.0.0/16" }) }
  }
  expect_failures = [var.regions]
}

run "regions_that_overlap_are_refused" {
  command = plan
  variables {
    regions = merge(var.regions, { eu-west-1 = merge(var.regions["eu-west-1"], { cidr = "10.0.9.0/16" }) })
  }
  expect_failures = [var.regions]
}

run "an_endpoint_outside_the_domain_is_refused" {
  command = plan
  variables {
    regions = { us-east-1 = merge(var.regions["us-east-1"], { endpoint = "api-us.example.org" }) }
  }
  expect_failures = [var.regions]
}

run "two_zones_are_refused" {
  command = plan
  variables {
    regions = { us-east-1 = merge(var.regions["us-east-1"], { azs = ["us-east-1a", "us-east-1b"] }) }
  }
  expect_failures = [var.regions]
}

run "another_regions_zones_are_refused" {
  command = plan
  variables {
    regions = { us-east-1 = merge(var.regions["us-east-1"], { azs = var.regions["eu-west-1"].azs }) }
  }
  expect_failures = [var.regions]
}
