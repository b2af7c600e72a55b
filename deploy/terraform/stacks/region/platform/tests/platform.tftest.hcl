# Values are production's; each run spoils one.

mock_provider "aws" {}

run "a_zone_without_a_node_is_refused_in_production" {
  command = plan
  variables {
    node_groups = { general = { instance_type = "m5.large", min = 2, max = 12 } }
  }
  expect_failures = [var.node_groups]
}

run "a_cluster_that_nobody_can_repair_is_refused_in_production" {
  command = plan
  variables {
    access_entries = { watchers = { principal_arn = "arn:aws:iam::111122223333:role/watchers", policy = "AmazonEKSViewPolicy" } }
  }
  expect_failures = [var.access_entries]
}

run "a_kubernetes_api_for_half_the_internet_is_refused" {
  command = plan
  variables {
    public_access_cidrs = ["128.0.0.0/1"]
  }
  expect_failures = [var.public_access_cidrs]
}

run "an_account_that_is_none_is_refused" {
  command = plan
  variables {
    pipeline_account_id = "tools"
  }
  expect_failures = [var.pipeline_account_id]
}
