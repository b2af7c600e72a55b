# Values are production's, spoilt.

mock_provider "aws" {}

run "queues_without_a_key_and_half_an_emulator_are_refused" {
  command = plan
  variables {
    data           = { kms_key_arns = {} }
    emulator_lacks = ["queues"]
  }
  expect_failures = [var.data, var.emulator_lacks]
}

run "in_aws_nothing_is_left_out" {
  command = plan
  variables {
    emulator_endpoint = null
    emulator_lacks    = ["alarms"]
  }
  expect_failures = [var.emulator_lacks]
}
