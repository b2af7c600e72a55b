mock_provider "aws" {
  mock_resource "aws_appconfig_application" {
    defaults = { id = "abc1234" }
  }
  mock_resource "aws_appconfig_environment" {
    defaults = { environment_id = "abc1235" }
  }
  mock_resource "aws_appconfig_configuration_profile" {
    defaults = { configuration_profile_id = "abc1236" }
  }
  mock_resource "aws_appconfig_deployment_strategy" {
    defaults = { id = "abc1237" }
  }
}

variables {
  name        = "meridian-prod"
  environment = "prod"
  flags = {
    guest_checkout = { description = "Buy without an account", enabled = true }
    new_search     = { description = "Search by the new index", enabled = false }
  }
}

run "flags_are_what_git_says" {
  assert {
    condition     = { for name, value in jsondecode(aws_appconfig_hosted_configuration_version.this.content).values : name => value.enabled } == { guest_checkout = true, new_search = false }
    error_message = "on is on and off is off"
  }
  assert {
    condition     = aws_appconfig_configuration_profile.this.type == "AWS.AppConfig.FeatureFlags"
    error_message = "AppConfig knows them as flags"
  }
}

run "a_change_comes_slowly_and_is_watched" {
  variables {
    alarms = { sells = { alarm_arn = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:a", role_arn = "arn:aws:iam::111122223333:role/flags" } }
  }
  assert {
    condition     = aws_appconfig_deployment_strategy.this.growth_factor == 20 && aws_appconfig_deployment_strategy.this.deployment_duration_in_minutes == 20 && aws_appconfig_deployment_strategy.this.final_bake_time_in_minutes == 10
    error_message = "a fifth at a time, and ten minutes more"
  }
  assert {
    condition     = one(aws_appconfig_environment.this.monitor).alarm_arn == "arn:aws:cloudwatch:us-east-1:111122223333:alarm:a"
    error_message = "the alarm takes it back"
  }
}

run "a_flag_nobody_explains_is_refused" {
  command = plan
  variables {
    flags = { x1 = { description = "", enabled = true } }
  }
  expect_failures = [var.flags]
}
