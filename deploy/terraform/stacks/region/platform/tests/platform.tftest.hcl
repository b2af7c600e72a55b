# Values are production's; each run spoils one.

mock_provider "aws" {}

run "a_zone_without_a_node_is_refused_in_production" {
  command = plan
  variables {
    node_groups = { general = { instance_type = "m5.large", min = 2, max = 12 } }
  }
  expect_failures = [var.node_groups]
}
