# The services have names in the region's VPC.

mock_provider "aws" {}

variables {
  namespace = "meridian.internal"
  vpc_id    = "vpc-1"
}

run "six_services_have_names_that_are_soon_forgotten" {
  command = plan

  assert {
    condition     = toset(keys(aws_service_discovery_service.this)) == toset(["auth", "user", "product", "cart", "order", "payment"])
    error_message = "Each of the six services has a name."
  }
  assert {
    condition     = alltrue([for s in aws_service_discovery_service.this : s.dns_config[0].dns_records[0].ttl == 10 && s.dns_config[0].dns_records[0].type == "A" && s.dns_config[0].routing_policy == "MULTIVALUE"])
    error_message = "Answers hold several addresses for ten seconds."
  }
  assert {
    condition     = aws_service_discovery_private_dns_namespace.this.vpc == "vpc-1" && aws_service_discovery_private_dns_namespace.this.name == "meridian.internal"
    error_message = "The names are known in the VPC alone."
  }
}

run "refuses_a_multicast_domain" {
  command = plan
  variables {
    namespace = "meridian.local"
  }
  expect_failures = [var.namespace]
}

run "refuses_a_domain_that_is_none" {
  command = plan
  variables {
    namespace = "Meridian"
  }
  expect_failures = [var.namespace]
}

run "refuses_a_service_with_capitals" {
  command = plan
  variables {
    services = ["Order"]
  }
  expect_failures = [var.services]
}

run "refuses_answers_remembered_for_an_hour" {
  command = plan
  variables {
    ttl_seconds = 3600
  }
  expect_failures = [var.ttl_seconds]
}
