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

run "policies_let_this_account_through_and_nobody_else" {
  command = plan

  assert {
    condition     = alltrue([for service in ["sqs", "sns", "kms", "secretsmanager", "sts", "logs"] : !strcontains(join(" ", flatten([for s in jsondecode(aws_vpc_endpoint.interface[service].policy).Statement : s.Action])), "*")])
    error_message = "What pods call is let through action by action."
  }
  assert {
    condition = alltrue(flatten([
      for endpoint in aws_vpc_endpoint.interface : [
        for s in jsondecode(endpoint.policy).Statement : try(s.Condition.StringEquals["aws:PrincipalAccount"], "") == "111122223333" || s.Action == ["sts:AssumeRoleWithWebIdentity"]
      ]
    ]))
    error_message = "Another account's principal cannot use any endpoint; tokens are exchanged before there is a principal."
  }
  assert {
    condition     = contains([for s in jsondecode(aws_vpc_endpoint.interface["sts"].policy).Statement : "${join(" ", s.Action)} on ${join(" ", s.Resource)}"], "sts:GetCallerIdentity on *")
    error_message = "Anybody here may ask who they are: that call knows no resource."
  }
  assert {
    condition     = jsondecode(aws_vpc_endpoint.s3.policy).Statement[0].Condition.StringEquals == { "aws:PrincipalAccount" = "111122223333", "aws:ResourceAccount" = "111122223333" }
    error_message = "Nobody carries data into another account's bucket through the endpoint."
  }
}

run "images_are_fetched_and_nothing_is_written_elsewhere" {
  command = plan

  assert {
    condition     = length(setsubtract(["arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*", "arn:aws:s3:::prod-registry-k8s-io-us-east-1/*", "arn:aws:s3:::docker-images-prod/*"], jsondecode(aws_vpc_endpoint.s3.policy).Statement[1].Resource)) == 0
    error_message = "Layers of ECR, registry.k8s.io and Docker Hub lie in S3 and are let through."
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_vpc_endpoint.s3.policy).Statement : s.Action == ["s3:GetObject"] || can(s.Condition.StringEquals["aws:ResourceAccount"])])
    error_message = "Other people's buckets can be read, not written."
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
