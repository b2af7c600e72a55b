mock_provider "aws" {
  mock_resource "aws_sesv2_email_identity" {
    defaults = { dkim_signing_attributes = { tokens = ["one", "two", "three"] } }
  }
}

variables {
  name           = "meridian-prod"
  domain         = "example.com"
  hosted_zone_id = "Z0123456789"
}

run "the_domain_is_an_identity_with_keys_of_2048_bits" {
  assert {
    condition     = aws_sesv2_email_identity.this.email_identity == "example.com" && aws_sesv2_email_identity.this.dkim_signing_attributes[0].next_signing_key_length == "RSA_2048_BIT"
    error_message = "SES knows the domain and signs with a key nobody breaks."
  }
}

run "three_records_prove_it" {
  assert {
    condition     = length(aws_route53_record.dkim) == 3 && alltrue([for record in aws_route53_record.dkim : record.type == "CNAME" && record.zone_id == "Z0123456789"])
    error_message = "Easy DKIM asks for three CNAMEs in the domain's zone."
  }
}

run "mails_go_over_tls_to_addresses_that_want_them_and_are_counted" {
  assert {
    condition     = aws_sesv2_configuration_set.this.configuration_set_name == "meridian-prod" && aws_sesv2_email_identity.this.configuration_set_name == "meridian-prod"
    error_message = "Whoever sends as the domain sends with its configuration set."
  }

  assert {
    condition     = aws_sesv2_configuration_set.this.delivery_options[0].tls_policy == "REQUIRE"
    error_message = "No mail goes out in clear."
  }

  assert {
    condition     = toset(aws_sesv2_configuration_set.this.suppression_options[0].suppressed_reasons) == toset(["BOUNCE", "COMPLAINT"])
    error_message = "Who bounced or complained is not written to again."
  }

  assert {
    condition     = aws_sesv2_configuration_set.this.reputation_options[0].reputation_metrics_enabled && aws_sesv2_configuration_set.this.sending_options[0].sending_enabled
    error_message = "Bounces and complaints are counted for the alarms."
  }
}

run "a_name_with_a_slash_is_refused" {
  command = plan
  variables {
    name = "meridian/prod"
  }
  expect_failures = [var.name]
}

run "an_address_is_no_domain" {
  command = plan
  variables {
    domain = "shop@example.com"
  }
  expect_failures = [var.domain]
}
