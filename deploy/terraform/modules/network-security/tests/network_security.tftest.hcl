# Who may speak with whom: security groups by reference, network ACLs with the answers' ports, one door to the outside.

mock_provider "aws" {}

variables {
  name            = "meridian-prod-us-east-1"
  vpc_id          = "vpc-1"
  prefix_list_ids = { cloudfront = "pl-00000001", health_checkers = "pl-00000002" }
  subnet_ids = {
    public = ["subnet-1", "subnet-2", "subnet-3"]
    app    = ["subnet-10", "subnet-11", "subnet-12"]
    data   = ["subnet-20", "subnet-21", "subnet-22"]
  }
  subnet_cidrs = {
    public = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
    app    = ["10.0.10.0/24", "10.0.11.0/24", "10.0.12.0/24"]
    data   = ["10.0.20.0/24", "10.0.21.0/24", "10.0.22.0/24"]
  }
}

run "the_only_way_in_is_443_from_cloudfront_and_the_health_checkers" {
  command = apply

  assert {
    condition     = aws_vpc_security_group_ingress_rule.cloudfront.prefix_list_id == "pl-00000001" && aws_vpc_security_group_ingress_rule.health_checkers.prefix_list_id == "pl-00000002"
    error_message = "CloudFront and Route 53's health checkers reach the load balancer."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.cloudfront.from_port == 443 && aws_vpc_security_group_ingress_rule.cloudfront.to_port == 443 && aws_vpc_security_group_ingress_rule.health_checkers.from_port == 443 && aws_vpc_security_group_ingress_rule.health_checkers.to_port == 443
    error_message = "Nothing but 443 is open."
  }
  assert {
    condition     = alltrue([for rule in concat(values(aws_vpc_security_group_ingress_rule.edge), [aws_vpc_security_group_ingress_rule.pods]) : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.referenced_security_group_id != null])
    error_message = "Inside, every rule names a security group, no address."
  }
  assert {
    condition     = alltrue([for rule in [aws_vpc_security_group_ingress_rule.cloudfront, aws_vpc_security_group_ingress_rule.health_checkers] : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null])
    error_message = "No address is let in by itself."
  }
}

run "components_reach_their_neighbours_and_nobody_else" {
  command = apply

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.edge : name => rule.from_port if rule.security_group_id == aws_security_group.this["database"].id } == { database = 5432 } && aws_vpc_security_group_ingress_rule.edge["database"].referenced_security_group_id == aws_security_group.this["nodes"].id
    error_message = "PostgreSQL is reached on 5432 by nodes alone: AWS itself changes the administrator's password."
  }
  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.edge : name => rule.from_port if rule.security_group_id == aws_security_group.this["cache"].id } == { cache = 6379 } && aws_vpc_security_group_ingress_rule.edge["cache"].referenced_security_group_id == aws_security_group.this["nodes"].id
    error_message = "Redis is reached on 6379 by nodes alone."
  }
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.edge : rule.from_port if rule.security_group_id == aws_security_group.this["nodes"].id && rule.referenced_security_group_id == aws_security_group.this["alb"].id]) == toset([8080, 8081])
    error_message = "The load balancer reaches the gateway's 8080 and its status on 8081."
  }
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.edge : rule.referenced_security_group_id if rule.security_group_id == aws_security_group.this["internal_alb"].id]) == toset([aws_security_group.this["vpc_link"].id, aws_security_group.this["functions"].id])
    error_message = "The internal load balancer is reached by API Gateway's link and by the function that fetches keys."
  }
  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.edge : rule.security_group_id != aws_security_group.this["database"].id && rule.security_group_id != aws_security_group.this["cache"].id && rule.security_group_id != aws_security_group.this["endpoints"].id])
    error_message = "Database, cache and endpoints call nobody."
  }
  assert {
    condition     = alltrue([for name, rule in aws_vpc_security_group_ingress_rule.edge : rule.from_port == rule.to_port && aws_vpc_security_group_egress_rule.edge[name].from_port == rule.from_port && aws_vpc_security_group_egress_rule.edge[name].security_group_id == rule.referenced_security_group_id && aws_vpc_security_group_egress_rule.edge[name].referenced_security_group_id == rule.security_group_id])
    error_message = "Each edge is one port, let out where it is let in."
  }
  assert {
    condition     = toset(keys(aws_vpc_security_group_egress_rule.internet)) == toset(["nodes", "functions"]) && alltrue([for rule in aws_vpc_security_group_egress_rule.internet : rule.from_port == 443 && rule.to_port == 443])
    error_message = "Only nodes and functions leave the VPC, by TLS."
  }
  assert {
    condition     = toset(keys(output.security_group_ids)) == toset(["alb", "alb_health_checks", "internal_alb", "vpc_link", "nodes", "cluster", "database", "cache", "endpoints", "functions"])
    error_message = "Every component has a security group."
  }
}

run "network_acls_per_tier_with_the_ports_of_answers" {
  command = plan

  assert {
    condition     = toset(keys(aws_network_acl.this)) == toset(["public", "app", "data"]) && alltrue([for tier, acl in aws_network_acl.this : toset(acl.subnet_ids) == toset(var.subnet_ids[tier])])
    error_message = "Each tier has a network ACL on its three subnets."
  }
  assert {
    condition     = toset([for rule in aws_network_acl.this["public"].ingress : "${rule.protocol} ${rule.cidr_block} ${rule.from_port}-${rule.to_port}"]) == toset(["tcp 0.0.0.0/0 443-443", "tcp 0.0.0.0/0 1024-65535", "icmp 0.0.0.0/0 0-0"])
    error_message = "The public tier takes 443, answers, and word of a small MTU."
  }
  assert {
    condition     = alltrue([for rule in concat(tolist(aws_network_acl.this["data"].ingress), tolist(aws_network_acl.this["data"].egress)) : startswith(rule.cidr_block, "10.0.")])
    error_message = "The data tier speaks with no address outside the VPC."
  }
  assert {
    condition     = toset([for rule in aws_network_acl.this["data"].ingress : rule.from_port if contains(var.subnet_cidrs.app, rule.cidr_block)]) == toset([5432, 6379])
    error_message = "The app tier reaches PostgreSQL and Redis in the data tier, nothing else."
  }
  assert {
    condition     = alltrue([for cidr in var.subnet_cidrs.app : contains([for rule in aws_network_acl.this["data"].egress : "${rule.cidr_block} ${rule.from_port}-${rule.to_port}"], "${cidr} 1024-65535")])
    error_message = "Answers of the data tier reach the app tier's ephemeral ports."
  }
  assert {
    condition     = alltrue([for rule in concat(flatten([for acl in aws_network_acl.this : tolist(acl.ingress)]), flatten([for acl in aws_network_acl.this : tolist(acl.egress)])) : rule.action == "allow" && (rule.cidr_block != "0.0.0.0/0" || contains(["443-443", "1024-65535", "0-0"], "${rule.from_port}-${rule.to_port}"))])
    error_message = "To and from everywhere go 443, answers and word of a small MTU, nothing else."
  }
  assert {
    condition     = alltrue([for acl in aws_network_acl.this : length(distinct([for rule in acl.ingress : rule.rule_no])) == length(acl.ingress) && length(acl.ingress) <= 20 && length(distinct([for rule in acl.egress : rule.rule_no])) == length(acl.egress) && length(acl.egress) <= 20])
    error_message = "Rule numbers are unique and stay within AWS's quota of 20 per direction."
  }
}

run "refuses_a_missing_tier" {
  command = plan
  variables {
    subnet_ids = { public = ["subnet-1"], app = ["subnet-10"] }
  }
  expect_failures = [var.subnet_ids]
}

run "refuses_a_wrong_cidr" {
  command = plan
  variables {
    subnet_cidrs = { public = ["10.0.1.0"], app = ["10.0.10.0/24"], data = ["10.0.20.0/24"] }
  }
  expect_failures = [var.subnet_cidrs]
}

run "refuses_a_prefix_list_that_is_none" {
  command = plan
  variables {
    prefix_list_ids = { cloudfront = "pl-00000001", health_checkers = "0.0.0.0/0" }
  }
  expect_failures = [var.prefix_list_ids]
}

run "refuses_a_port_that_is_none" {
  command = plan
  variables {
    ports = { database = 70000 }
  }
  expect_failures = [var.ports]
}

run "refuses_a_name_with_capitals" {
  command = plan
  variables {
    name = "Meridian"
  }
  expect_failures = [var.name]
}
