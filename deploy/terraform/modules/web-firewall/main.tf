# AWS WAF, the same rules wherever it stands. First who did not come by the front door, then who asks too much, then what
# looks like an attack, then bots.

locals {
  # Amazon's rule groups. Two of their rules only count: bodies may have 256 KiB here (images are uploaded to S3 by
  # presigned address), and catalogue texts hold markup.
  managed = [
    { name = "AWSManagedRulesAmazonIpReputationList", counted = [] },
    { name = "AWSManagedRulesCommonRuleSet", counted = ["SizeRestrictions_BODY", "CrossSiteScripting_BODY"] },
    { name = "AWSManagedRulesKnownBadInputsRuleSet", counted = [] },
    { name = "AWSManagedRulesSQLiRuleSet", counted = [] },
  ]

  # Programs are welcome at an API. Payment providers' webhooks are not asked at all.
  bots_counted = ["CategoryHttpLibrary", "SignalNonBrowserUserAgent"]

  # CloudFront's firewall alone sees clients. A region's has CloudFront for a peer, and AWS WAF reads the first of the
  # forwarded addresses, which a client can write: counting those would let anybody have somebody else blocked.
  limits = var.scope == "REGIONAL" ? [] : concat(
    [for rule in var.rate_rules : { name = rule.name, limit = rule.limit, window = rule.evaluation_window_seconds, paths = rule.path_regexes }],
    [{ name = "flood", limit = var.flood_limit, window = 300, paths = [] }],
  )
}

resource "aws_wafv2_web_acl" "this" {
  name        = var.name
  description = "What reaches the shop's edge."
  scope       = var.scope

  default_action {
    allow {}
  }

  dynamic "rule" {
    for_each = nonsensitive(var.origin_header != null) ? [1] : []

    content {
      name     = "origin"
      priority = 0

      action {
        block {}
      }

      # None of the values, and not the one path that Route 53's health checkers ask, who can send no header.
      statement {
        and_statement {
          dynamic "statement" {
            for_each = range(nonsensitive(length(var.origin_header.values)))

            content {
              not_statement {
                statement {
                  byte_match_statement {
                    search_string         = var.origin_header.values[statement.value]
                    positional_constraint = "EXACTLY"

                    field_to_match {
                      single_header {
                        name = nonsensitive(var.origin_header.name)
                      }
                    }

                    text_transformation {
                      priority = 0
                      type     = "NONE"
                    }
                  }
                }
              }
            }
          }

          statement {
            not_statement {
              statement {
                byte_match_statement {
                  search_string         = nonsensitive(var.origin_header.health_path)
                  positional_constraint = "EXACTLY"

                  field_to_match {
                    uri_path {}
                  }

                  text_transformation {
                    priority = 0
                    type     = "NONE"
                  }
                }
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-origin"
        sampled_requests_enabled   = false # samples would show the secret
      }
    }
  }

  dynamic "rule" {
    for_each = { for index, limit in local.limits : index => limit }

    content {
      name     = "rate-${rule.value.name}"
      priority = 10 + tonumber(rule.key)

      action {
        block {
          custom_response {
            response_code = 429

            response_header {
              name  = "Retry-After"
              value = tostring(rule.value.window)
            }
          }
        }
      }

      statement {
        rate_based_statement {
          limit                 = rule.value.limit
          evaluation_window_sec = rule.value.window
          aggregate_key_type    = "IP"

          dynamic "scope_down_statement" {
            for_each = length(rule.value.paths) > 0 ? [1] : []

            content {
              dynamic "regex_match_statement" {
                for_each = length(rule.value.paths) == 1 ? rule.value.paths : []

                content {
                  regex_string = regex_match_statement.value

                  field_to_match {
                    uri_path {}
                  }

                  text_transformation {
                    priority = 0
                    type     = "NORMALIZE_PATH"
                  }
                }
              }

              dynamic "or_statement" {
                for_each = length(rule.value.paths) > 1 ? [1] : []

                content {
                  dynamic "statement" {
                    for_each = rule.value.paths

                    content {
                      regex_match_statement {
                        regex_string = statement.value

                        field_to_match {
                          uri_path {}
                        }

                        text_transformation {
                          priority = 0
                          type     = "NORMALIZE_PATH"
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-rate-${rule.value.name}"
        sampled_requests_enabled   = true
      }
    }
  }

  dynamic "rule" {
    for_each = { for index, group in local.managed : index => group }

    content {
      name     = rule.value.name
      priority = 50 + tonumber(rule.key)

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.value.name

          dynamic "rule_action_override" {
            for_each = rule.value.counted

            content {
              name = rule_action_override.value

              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-${rule.value.name}"
        sampled_requests_enabled   = true
      }
    }
  }

  dynamic "rule" {
    for_each = var.bot_control == null ? [] : [var.bot_control]

    content {
      name     = "AWSManagedRulesBotControlRuleSet"
      priority = 90

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = "AWSManagedRulesBotControlRuleSet"

          managed_rule_group_configs {
            aws_managed_rules_bot_control_rule_set {
              inspection_level = rule.value
            }
          }

          dynamic "rule_action_override" {
            for_each = local.bots_counted

            content {
              name = rule_action_override.value

              action_to_use {
                count {}
              }
            }
          }

          scope_down_statement {
            not_statement {
              statement {
                byte_match_statement {
                  search_string         = "/v1/webhooks/"
                  positional_constraint = "STARTS_WITH"

                  field_to_match {
                    uri_path {}
                  }

                  text_transformation {
                    priority = 0
                    type     = "NORMALIZE_PATH"
                  }
                }
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-bots"
        sampled_requests_enabled   = true
      }
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }

  tags = var.tags
}

# AWS WAF writes only into log groups of this prefix.
resource "aws_cloudwatch_log_group" "this" {
  name              = "aws-waf-logs-${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn

  tags = var.tags
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.this.arn]

  dynamic "redacted_fields" {
    for_each = ["authorization", "cookie", "referer", "x-origin-secret"]

    content {
      single_header {
        name = redacted_fields.value
      }
    }
  }

  redacted_fields {
    query_string {}
  }

  # What was let through is in the access logs.
  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }

      condition {
        action_condition {
          action = "COUNT"
        }
      }
    }
  }
}
