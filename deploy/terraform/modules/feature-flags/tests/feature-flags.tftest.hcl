mock_provider "aws" {
  mock_resource "aws_appconfig_application" {
    defaults = { id = "abc1234" }
  }
  mock_resource "aws_appconfig_environment" {
    defaults = { environment_id = "abc1235", arn = "arn:aws:appconfig:us-east-1:111122223333:application/abc1234/environment/abc1235" }
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
    guest_checkout = { description = "Buy without an account", default = true }
    new_search     = { description = "Search by the new index", default = false, enabled = true }
    gift_cards     = { description = "Pay with gift cards", default = true, enabled = false }
  }
}

run "flags_are_what_git_says" {
  assert {
    condition     = { for name, value in jsondecode(aws_appconfig_hosted_configuration_version.this.content).values : name => value.enabled } == { guest_checkout = true, new_search = true, gift_cards = false }
    error_message = "the default holds until somebody says otherwise"
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

run "what_is_turned_off_in_need_is_off_at_once_and_no_alarm_takes_it_back" {
  assert {
    condition     = aws_appconfig_deployment_strategy.at_once.deployment_duration_in_minutes == 0 && aws_appconfig_deployment_strategy.at_once.growth_factor == 100 && aws_appconfig_deployment_strategy.at_once.final_bake_time_in_minutes == 0
    error_message = "everybody, now, and for good"
  }
}

run "a_service_reads_these_flags_and_nothing_else" {
  variables {
    reader_roles = { order = "meridian-prod-us-east-1-order" }
  }
  assert {
    condition     = aws_iam_role_policy.reader["order"].role == "meridian-prod-us-east-1-order" && length(aws_iam_role_policy.reader) == 1
    error_message = "the role that was named, and no other"
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.reader["order"].policy).Statement : "${join(" ", s.Action)} on ${join(" ", s.Resource)}"] == ["appconfig:GetLatestConfiguration appconfig:StartConfigurationSession on arn:aws:appconfig:us-east-1:111122223333:application/abc1234/environment/abc1235/configuration/abc1236"]
    error_message = "two calls, on this environment's profile"
  }
}

run "a_flag_nobody_explains_is_refused" {
  command = plan
  variables {
    flags = { x1 = { description = "", default = true } }
  }
  expect_failures = [var.flags]
}
