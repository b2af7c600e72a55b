mock_provider "aws" {
  mock_resource "aws_sesv2_email_identity" {
    defaults = { dkim_signing_attributes = { tokens = ["one", "two", "three"] } }
  }
}

variables {
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

run "an_address_is_no_domain" {
  command = plan
  variables {
    domain = "shop@example.com"
  }
  expect_failures = [var.domain]
}
