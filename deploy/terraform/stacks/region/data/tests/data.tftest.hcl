# Values are production's, spoilt.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "copy"
}

run "what_would_lose_data_is_refused_in_production" {
  command = plan
  variables {
    network         = { vpc_id = "vpc-1", azs = ["us-east-1a"], data_subnet_ids = ["subnet-1"], security_group_ids = {} }
    copy_regions    = { us-east-1 = "us-east-1" }
    database        = { sizes = { replicas = 9 } }
    global_database = { identifier = "meridian", primary_region = "us-west-1" }
    deletion        = { lock_final = false }
  }
  expect_failures = [var.network, var.copy_regions, var.database, var.global_database, var.deletion]
}

run "a_region_without_a_place_for_its_copies_is_refused" {
  command = plan
  variables {
    copy_regions = { eu-west-1 = "eu-central-1" }
  }
  expect_failures = [var.copy_regions]
}
