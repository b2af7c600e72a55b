mock_provider "aws" {}

variables {
  name              = "meridian-prod"
  environment       = "prod"
  monthly_limit_usd = 150000
  emails            = ["costs@example.com"]
}

run "the_environment_has_a_monthly_limit" {
  command = plan

  assert {
    condition     = aws_budgets_budget.this.limit_amount == "150000.00" && aws_budgets_budget.this.time_unit == "MONTHLY"
    error_message = "the limit is the month's, in dollars and cents"
  }
  assert {
    condition     = tolist(aws_budgets_budget.this.cost_filter)[0].values == tolist(["user:environment$prod"])
    error_message = "only the environment's own costs count"
  }
}

run "people_hear_of_it_before_the_money_is_gone" {
  command = plan

  assert {
    condition     = length([for one in aws_budgets_budget.this.notification : one if one.notification_type == "FORECASTED"]) == 1
    error_message = "a forecast above the limit is told"
  }
  assert {
    condition     = toset([for one in aws_budgets_budget.this.notification : one.threshold if one.notification_type == "ACTUAL"]) == toset([50, 80, 100])
    error_message = "half, four fifths and all of the limit are told"
  }
}

run "a_budget_nobody_hears_of_is_refused" {
  command = plan
  variables {
    emails = []
  }
  expect_failures = [var.emails]
}

run "a_limit_of_nothing_is_refused" {
  command = plan
  variables {
    monthly_limit_usd = 0
  }
  expect_failures = [var.monthly_limit_usd]
}
