# AWS is reached without the internet, by this account's principals alone.

mock_provider "aws" {}

variables {
  name              = "meridian-prod-us-east-1"
  region            = "us-east-1"
  account_id        = "111122223333"
  vpc_id            = "vpc-1"
  subnet_ids        = ["subnet-10", "subnet-11", "subnet-12"]
  route_table_ids   = ["rtb-1", "rtb-2", "rtb-3", "rtb-4", "rtb-5", "rtb-6"]
  security_group_id = "sg-1"
}

run "what_services_call_has_endpoints_in_each_zone" {
  command = plan

  assert {
    condition     = alltrue([for service in ["sqs", "sns", "kms", "secretsmanager", "sts", "ecr.api", "ecr.dkr", "logs", "monitoring", "eks-auth"] : aws_vpc_endpoint.interface[service].service_name == "com.amazonaws.us-east-1.${service}"])
    error_message = "SQS, SNS, KMS, Secrets Manager, STS, ECR, logs and metrics have interface endpoints."
  }
  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.vpc_endpoint_type == "Interface" && endpoint.private_dns_enabled && toset(endpoint.subnet_ids) == toset(var.subnet_ids) && endpoint.security_group_ids == toset(["sg-1"])])
    error_message = "Interface endpoints answer to the service's own name, in each zone, behind their security group."
  }
  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.service_name == "com.amazonaws.us-east-1.s3" && length(aws_vpc_endpoint.s3.route_table_ids) == 6
    error_message = "S3 is reached through a gateway endpoint from the app and the data tier."
  }
}

run "policies_let_this_account_through_and_hold_no_star" {
  command = plan

  assert {
    condition     = alltrue([for service in ["sqs", "sns", "kms", "secretsmanager", "sts", "logs"] : alltrue([for s in jsondecode(aws_vpc_endpoint.interface[service].policy).Statement : !contains(flatten([s.Action]), "*") && !contains(flatten([s.Resource]), "*")])])
    error_message = "No policy says * for action or resource."
  }
  assert {
    condition     = alltrue([for service in ["sqs", "sns", "kms", "secretsmanager", "logs"] : jsondecode(aws_vpc_endpoint.interface[service].policy).Statement[0].Condition.StringEquals["aws:PrincipalAccount"] == "111122223333"])
    error_message = "Another account's principal cannot use the endpoints."
  }
  assert {
    condition     = jsondecode(aws_vpc_endpoint.s3.policy).Statement[0].Condition.StringEquals == { "aws:PrincipalAccount" = "111122223333", "aws:ResourceAccount" = "111122223333" }
    error_message = "Nobody carries data into another account's bucket through the endpoint."
  }
}

run "refuses_to_leave_out_the_queues" {
  command = plan
  variables {
    interface_services = ["ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sns", "sts"]
  }
  expect_failures = [var.interface_services]
}

run "refuses_an_unknown_region" {
  command = plan
  variables {
    region = "virginia"
  }
  expect_failures = [var.region]
}

run "refuses_two_subnets" {
  command = plan
  variables {
    subnet_ids = ["subnet-10", "subnet-11"]
  }
  expect_failures = [var.subnet_ids]
}

run "refuses_a_short_account" {
  command = plan
  variables {
    account_id = "1234"
  }
  expect_failures = [var.account_id]
}
