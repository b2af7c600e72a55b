# topology.md, row "WAF": managed rule groups, rate rules, bot control, and the front door.

mock_provider "aws" {
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/meridian-prod/00000000-0000-4000-8000-000000000000" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:aws-waf-logs-meridian-prod" }
  }
}

variables {
  name  = "meridian-prod"
  scope = "CLOUDFRONT"
  rate_rules = [
    { name = "credentials", limit = 3000, evaluation_window_seconds = 60, path_regexes = ["^/v1/auth(/.*)?$"] },
    { name = "standard", limit = 60000, evaluation_window_seconds = 60, path_regexes = ["^/v1/me(/.*)?$", "^/v1/orders(/.*)?$"] },
  ]
  bot_control = "COMMON"
}

run "managed_groups_rate_rules_and_bot_control_stand_in_order" {
  command = plan

  assert {
    condition = { for rule in aws_wafv2_web_acl.this.rule : rule.name => rule.priority } == {
      rate-credentials                     = 10, rate-standard = 11, rate-flood = 12, AWSManagedRulesAmazonIpReputationList = 50, AWSManagedRulesCommonRuleSet = 51,
      AWSManagedRulesKnownBadInputsRuleSet = 52, AWSManagedRulesSQLiRuleSet = 53, AWSManagedRulesBotControlRuleSet = 90
    }
    error_message = "Rate rules come first, then Amazon's groups, then bot control."
  }
  assert {
    condition     = { for rule in aws_wafv2_web_acl.this.rule : rule.name => rule.statement[0].rate_based_statement[0].limit if startswith(rule.name, "rate-") } == { rate-credentials = 3000, rate-standard = 60000, rate-flood = 300000 }
    error_message = "Limits are the route table's, and one for everything."
  }
  assert {
    condition     = alltrue([for rule in aws_wafv2_web_acl.this.rule : rule.statement[0].rate_based_statement[0].aggregate_key_type == "IP" if startswith(rule.name, "rate-")])
    error_message = "In front of everything the client's own address counts."
  }
  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this.rule : rule.statement[0].managed_rule_group_statement[0].managed_rule_group_configs[0].aws_managed_rules_bot_control_rule_set[0].inspection_level if rule.name == "AWSManagedRulesBotControlRuleSet"]) == "COMMON"
    error_message = "Bot control looks for bots that say so."
  }
  assert {
    condition     = toset(flatten([for rule in aws_wafv2_web_acl.this.rule : [for o in rule.statement[0].managed_rule_group_statement[0].rule_action_override : o.name] if rule.name == "AWSManagedRulesCommonRuleSet"])) == toset(["SizeRestrictions_BODY", "CrossSiteScripting_BODY"])
    error_message = "Bodies of more than 8 KiB and markup in catalogue texts are counted, not blocked."
  }
}

run "secrets_do_not_reach_the_log" {
  command = apply

  assert {
    condition     = toset(flatten([for field in aws_wafv2_web_acl_logging_configuration.this.redacted_fields : field.single_header[*].name])) == toset(["authorization", "cookie", "referer", "x-origin-secret"]) && startswith(aws_cloudwatch_log_group.this.name, "aws-waf-logs-")
    error_message = "Tokens, cookies and the origin secret are blanked in the log."
  }
  assert {
    condition     = length(flatten([for field in aws_wafv2_web_acl_logging_configuration.this.redacted_fields : field.query_string])) == 1
    error_message = "People search for their own names: the query is blanked in the log."
  }
}

run "a_regions_firewall_asks_for_the_origin_secret_first" {
  command = plan
  variables {
    scope         = "REGIONAL"
    rate_rules    = []
    bot_control   = null
    origin_header = { name = "x-origin-secret", values = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"] }
  }

  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this.rule : rule.priority if rule.name == "origin"]) == 0 && one([for rule in aws_wafv2_web_acl.this.rule : length(rule.action[0].block) if rule.name == "origin"]) == 1
    error_message = "Who did not come through CloudFront is blocked before anything else."
  }
  assert {
    condition     = nonsensitive(length(one([for rule in aws_wafv2_web_acl.this.rule : rule.statement[0].and_statement[0].statement if rule.name == "origin"]))) == 3
    error_message = "Blocked is what has neither value and is not the health check's path."
  }
  assert {
    condition     = length([for rule in aws_wafv2_web_acl.this.rule : rule if startswith(rule.name, "rate-")]) == 0
    error_message = "Behind CloudFront nobody is counted by an address that a client can write."
  }
}

run "refuses_a_window_that_waf_does_not_know" {
  command = plan
  variables {
    rate_rules = [{ name = "x", limit = 100, evaluation_window_seconds = 30, path_regexes = ["^/$"] }]
  }
  expect_failures = [var.rate_rules]
}

run "refuses_a_rule_without_paths" {
  command = plan
  variables {
    rate_rules = [{ name = "x", limit = 100, evaluation_window_seconds = 60, path_regexes = [] }]
  }
  expect_failures = [var.rate_rules]
}

run "refuses_a_short_secret" {
  command = plan
  variables {
    origin_header = { name = "x-origin-secret", values = ["secret"] }
  }
  expect_failures = [var.origin_header]
}

run "refuses_an_unknown_scope" {
  command = plan
  variables {
    scope = "GLOBAL"
  }
  expect_failures = [var.scope]
}

run "refuses_an_unknown_inspection" {
  command = plan
  variables {
    bot_control = "ALL"
  }
  expect_failures = [var.bot_control]
}

run "refuses_a_flood_limit_of_nothing" {
  command = plan
  variables {
    flood_limit = 1
  }
  expect_failures = [var.flood_limit]
}

run "refuses_a_name_with_capitals" {
  command = plan
  variables {
    name = "Meridian"
  }
  expect_failures = [var.name]
}
