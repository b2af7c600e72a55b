# The figures of topology.md, row "network", and what the module refuses.

mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:flow" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/flow" }
  }
}

variables {
  name         = "meridian-prod-us-east-1"
  region       = "us-east-1"
  cidr         = "10.0.0.0/16"
  azs          = ["us-east-1a", "us-east-1b", "us-east-1c"]
  cluster_name = "meridian-prod-us-east-1"
  account_id   = "111122223333"
}

run "nine_subnets_of_three_tiers" {
  command = plan

  assert {
    condition     = aws_vpc.this.cidr_block == "10.0.0.0/16" && aws_vpc.this.enable_dns_support && aws_vpc.this.enable_dns_hostnames
    error_message = "The VPC is 10.0.0.0/16 with DNS."
  }
  assert {
    condition     = output.subnet_cidrs.public == ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
    error_message = "Public subnets are 10.x.1-3.0/24."
  }
  assert {
    condition     = output.subnet_cidrs.app == ["10.0.10.0/24", "10.0.11.0/24", "10.0.12.0/24"]
    error_message = "App subnets are 10.x.10-12.0/24."
  }
  assert {
    condition     = output.subnet_cidrs.data == ["10.0.20.0/24", "10.0.21.0/24", "10.0.22.0/24"]
    error_message = "Data subnets are 10.x.20-22.0/24."
  }
  assert {
    condition     = length(aws_subnet.this) == 9 && alltrue([for tier in ["public", "app", "data"] : toset([for s in aws_subnet.this : s.availability_zone if s.tags["Tier"] == tier]) == toset(var.azs)])
    error_message = "Each tier has one subnet in each zone."
  }
  assert {
    condition     = !anytrue([for s in aws_subnet.this : s.map_public_ip_on_launch])
    error_message = "No subnet hands out public addresses."
  }
  assert {
    condition     = alltrue([for key, s in aws_subnet.this : s.tags["kubernetes.io/role/elb"] == "1" if startswith(key, "public")]) && alltrue([for key, s in aws_subnet.this : s.tags["kubernetes.io/role/internal-elb"] == "1" if startswith(key, "app")])
    error_message = "The load balancer controller finds subnets by their role tags."
  }
}

run "the_third_octets_hold_in_every_region" {
  command = plan
  variables {
    region       = "ap-south-1"
    cidr         = "10.2.0.0/16"
    azs          = ["ap-south-1a", "ap-south-1b", "ap-south-1c"]
    cluster_name = "meridian-prod-ap-south-1"
  }

  assert {
    condition     = output.subnet_cidrs.data == ["10.2.20.0/24", "10.2.21.0/24", "10.2.22.0/24"] && output.subnet_cidrs.public[0] == "10.2.1.0/24"
    error_message = "Another region has the same plan in its own /16."
  }
}

run "a_nat_gateway_per_zone" {
  command = apply

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_eip.nat) == 3 && length(distinct([for route in aws_route.nat : route.nat_gateway_id])) == 3
    error_message = "Each zone leaves through a NAT gateway of its own."
  }
  assert {
    condition     = alltrue([for az in var.azs : aws_nat_gateway.this[az].subnet_id == aws_subnet.this["public-${az}"].id])
    error_message = "NAT gateways stand in the public subnet of their zone."
  }
  assert {
    condition     = length([for a in aws_route_table_association.this : a if a.route_table_id == aws_route_table.public.id]) == 3 && length(aws_route_table_association.this) == 9
    error_message = "Only the three public subnets use the route to the internet gateway."
  }
  assert {
    condition     = toset([for az in var.azs : aws_route_table_association.this["data-${az}"].route_table_id]) == toset(output.route_table_ids.data) && length(setintersection(toset(output.route_table_ids.data), toset([for route in aws_route.nat : route.route_table_id]))) == 0
    error_message = "The data tier has no route to the internet."
  }
}

run "one_nat_gateway_where_that_is_enough" {
  command = plan
  variables {
    nat_gateways = 1
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 3
    error_message = "With one NAT gateway all zones use it."
  }
}

run "all_traffic_is_logged_by_a_role_that_can_only_write" {
  command = plan

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_flow_log.this.max_aggregation_interval == 60 && aws_cloudwatch_log_group.flow.retention_in_days == 365
    error_message = "Flow logs record accepted and refused traffic by the minute for a year."
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.flow.policy).Statement : !contains(flatten([s.Action]), "*") && !contains(flatten([s.Resource]), "*")])
    error_message = "The role may write its log group and nothing else."
  }
  assert {
    condition     = jsondecode(aws_iam_role.flow.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "Only this account's flow logs may use the role."
  }
}

run "refuses_a_cidr_of_another_size" {
  command = plan
  variables {
    cidr = "10.0.0.0/20"
  }
  expect_failures = [var.cidr]
}

run "refuses_a_cidr_that_is_none" {
  command = plan
  variables {
    cidr = "10.0.0.0.0/16"
  }
  expect_failures = [var.cidr]
}

run "refuses_a_cidr_off_its_network_address" {
  command = plan
  variables {
    cidr = "10.0.7.0/16"
  }
  expect_failures = [var.cidr]
}

run "refuses_public_addresses" {
  command = plan
  variables {
    cidr = "52.10.0.0/16"
  }
  expect_failures = [var.cidr]
}

run "refuses_overlapping_subnets" {
  command = plan
  variables {
    subnets = { public = [1, 2, 3], app = [3, 11, 12], data = [20, 21, 22] }
  }
  expect_failures = [var.subnets]
}

run "refuses_a_tier_with_two_subnets" {
  command = plan
  variables {
    subnets = { public = [1, 2, 3], app = [10, 11, 12, 13], data = [20, 21, 22] }
  }
  expect_failures = [var.subnets]
}

run "refuses_an_octet_out_of_range" {
  command = plan
  variables {
    subnets = { public = [1, 2, 3], app = [10, 11, 12], data = [20, 21, 255.5] }
  }
  expect_failures = [var.subnets]
}

run "refuses_two_zones" {
  command = plan
  variables {
    azs = ["us-east-1a", "us-east-1b", "us-east-1b"]
  }
  expect_failures = [var.azs]
}

run "refuses_zones_of_another_region" {
  command = plan
  variables {
    azs = ["us-east-1a", "us-east-1b", "eu-west-1c"]
  }
  expect_failures = [var.azs]
}

run "refuses_two_nat_gateways" {
  command = plan
  variables {
    nat_gateways = 2
  }
  expect_failures = [var.nat_gateways]
}

run "refuses_a_word_that_is_no_region" {
  command = plan
  variables {
    region = "virginia"
  }
  expect_failures = [var.region]
}

run "refuses_a_short_account" {
  command = plan
  variables {
    account_id = "1234"
  }
  expect_failures = [var.account_id]
}

run "refuses_a_retention_that_cloudwatch_does_not_know" {
  command = plan
  variables {
    flow_logs = { retention_days = 100 }
  }
  expect_failures = [var.flow_logs]
}

run "refuses_a_name_with_capitals" {
  command = plan
  variables {
    name = "Meridian"
  }
  expect_failures = [var.name]
}
