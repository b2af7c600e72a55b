# The domain's zone is signed and its questions are logged.

mock_provider "aws" {
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000000" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/route53/example.com" }
  }
}

variables {
  name       = "meridian-prod"
  domain     = "example.com"
  account_id = "111122223333"
}

run "the_zone_is_signed_and_logged" {
  command = apply

  assert {
    condition     = aws_route53_zone.this.name == "example.com" && aws_route53_hosted_zone_dnssec.this.hosted_zone_id == aws_route53_zone.this.zone_id && aws_kms_key.signing.customer_master_key_spec == "ECC_NIST_P256"
    error_message = "Answers are signed with a key Route 53 accepts."
  }
  assert {
    condition     = aws_route53_query_log.this.zone_id == aws_route53_zone.this.zone_id && startswith(aws_cloudwatch_log_group.queries.name, "/aws/route53/")
    error_message = "Questions are logged."
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_kms_key.signing.policy).Statement : alltrue([for action in s.Action : !strcontains(action, "*")])])
    error_message = "The key's policy names its actions."
  }
}

run "mails_that_are_not_signed_by_the_domain_are_not_its" {
  command = apply

  assert {
    condition     = aws_route53_record.dmarc.name == "_dmarc.example.com" && aws_route53_record.dmarc.records == toset(["v=DMARC1; p=quarantine; adkim=s"])
    error_message = "Mailbox providers are told what to do with mails that only pretend."
  }
}

run "refuses_a_domain_that_is_none" {
  command = plan
  variables {
    domain = "Example"
  }
  expect_failures = [var.domain]
}

run "refuses_a_short_account" {
  command = plan
  variables {
    account_id = "1234"
  }
  expect_failures = [var.account_id]
}
