# Certificates prove themselves by DNS.

mock_provider "aws" {
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000000"
      domain_validation_options = [
        { domain_name = "api-us.example.com", resource_record_name = "_a.api-us.example.com.", resource_record_type = "CNAME", resource_record_value = "_x.acm-validations.aws." },
        { domain_name = "api-latency.example.com", resource_record_name = "_b.api-latency.example.com.", resource_record_type = "CNAME", resource_record_value = "_y.acm-validations.aws." },
      ]
    }
  }
}

variables {
  domain_name       = "api-us.example.com"
  alternative_names = ["api-latency.example.com"]
  hosted_zone_id    = "Z1"
}

run "each_name_is_proven_in_the_hosted_zone" {
  command = apply

  assert {
    condition     = aws_acm_certificate.this.validation_method == "DNS" && aws_acm_certificate.this.key_algorithm == "EC_prime256v1"
    error_message = "The certificate is validated by DNS, so it renews itself."
  }
  assert {
    condition     = aws_route53_record.proof["api-us.example.com"].name == "_a.api-us.example.com." && aws_route53_record.proof["api-latency.example.com"].records == toset(["_y.acm-validations.aws."])
    error_message = "Every name of the certificate has its proof."
  }
}

run "a_proof_that_another_certificate_keeps_is_not_made_again" {
  command = apply
  variables {
    proven_elsewhere = ["api-latency.example.com"]
  }

  assert {
    condition     = keys(aws_route53_record.proof) == ["api-us.example.com"] && aws_acm_certificate.this.subject_alternative_names == toset(["api-latency.example.com"])
    error_message = "Destroying a region leaves the proof of the shared name."
  }
}

run "refuses_to_leave_its_own_name_unproven" {
  command = plan
  variables {
    proven_elsewhere = ["api-us.example.com"]
  }
  expect_failures = [var.proven_elsewhere]
}

run "refuses_a_star" {
  command = plan
  variables {
    domain_name = "*.example.com"
  }
  expect_failures = [var.domain_name]
}

run "refuses_a_missing_hosted_zone" {
  command = plan
  variables {
    hosted_zone_id = ""
  }
  expect_failures = [var.hosted_zone_id]
}
