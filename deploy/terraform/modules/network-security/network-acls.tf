# Stateless rules per tier: a second fence that holds when a security group is wrong. Answers need rules of their own:
# NAT gateways and load balancers use the ports 1024-65535 for theirs, so do Linux nodes behind them. The VPC's
# resolver, its clock and the metadata service are not filtered by network ACLs.

locals {
  anywhere  = ["0.0.0.0/0"]
  ephemeral = { from = 1024, to = 65535 }
  https     = { from = 443, to = 443 }
  database  = { from = var.ports.database, to = var.ports.database }
  cache     = { from = var.ports.cache, to = var.ports.cache }
  every     = { from = 0, to = 65535 }

  # tier => direction => rows, in the order in which they are tried. All of TCP.
  acl_rows = {
    public = {
      ingress = [
        { cidrs = local.anywhere, ports = local.https },     # clients, and nodes on their way to the NAT gateway
        { cidrs = local.anywhere, ports = local.ephemeral }, # answers: of the internet to NAT, of pods to load balancers
      ]
      egress = [
        { cidrs = local.anywhere, ports = local.https },     # NAT gateways on behalf of nodes
        { cidrs = local.anywhere, ports = local.ephemeral }, # answers to clients; requests to pods
      ]
    }
    app = {
      ingress = [
        { cidrs = var.subnet_cidrs.app, ports = local.every }, # pods, control plane, endpoints, internal load balancer
        { cidrs = local.anywhere, ports = local.ephemeral },   # load balancers' requests; answers of the internet and the data tier
      ]
      egress = [
        { cidrs = var.subnet_cidrs.app, ports = local.every },
        { cidrs = var.subnet_cidrs.data, ports = local.database },
        { cidrs = var.subnet_cidrs.data, ports = local.cache },
        { cidrs = local.anywhere, ports = local.https },
        { cidrs = var.subnet_cidrs.public, ports = local.ephemeral }, # answers to load balancers
      ]
    }
    data = {
      ingress = [
        { cidrs = var.subnet_cidrs.app, ports = local.database },
        { cidrs = var.subnet_cidrs.app, ports = local.cache },
        { cidrs = var.subnet_cidrs.data, ports = local.ephemeral }, # shards and replicas among themselves, and answers
      ]
      egress = [
        { cidrs = var.subnet_cidrs.app, ports = local.ephemeral },
        { cidrs = var.subnet_cidrs.data, ports = local.ephemeral },
      ]
    }
  }

  acl_rules = {
    for tier, directions in local.acl_rows : tier => {
      for direction, rows in directions : direction => flatten([
        for index, row in rows : [
          for position, cidr in row.cidrs : { number = 100 + index * 10 + position, cidr = cidr, ports = row.ports }
        ]
      ])
    }
  }

  # DNS between pods is UDP as well.
  udp_tiers = ["app"]
  # "Fragmentation needed" (ICMP 3, 4): without it large answers vanish on paths with a small MTU.
  icmp_tiers = ["public", "app"]
}

resource "aws_network_acl" "this" {
  for_each = local.acl_rules

  vpc_id     = var.vpc_id
  subnet_ids = var.subnet_ids[each.key]

  dynamic "ingress" {
    for_each = each.value.ingress

    content {
      rule_no    = ingress.value.number
      action     = "allow"
      protocol   = "tcp"
      cidr_block = ingress.value.cidr
      from_port  = ingress.value.ports.from
      to_port    = ingress.value.ports.to
    }
  }

  dynamic "egress" {
    for_each = each.value.egress

    content {
      rule_no    = egress.value.number
      action     = "allow"
      protocol   = "tcp"
      cidr_block = egress.value.cidr
      from_port  = egress.value.ports.from
      to_port    = egress.value.ports.to
    }
  }

  dynamic "ingress" {
    for_each = contains(local.udp_tiers, each.key) ? var.subnet_cidrs.app : []

    content {
      rule_no    = 200 + index(var.subnet_cidrs.app, ingress.value)
      action     = "allow"
      protocol   = "udp"
      cidr_block = ingress.value
      from_port  = 0
      to_port    = 65535
    }
  }

  dynamic "egress" {
    for_each = contains(local.udp_tiers, each.key) ? var.subnet_cidrs.app : []

    content {
      rule_no    = 200 + index(var.subnet_cidrs.app, egress.value)
      action     = "allow"
      protocol   = "udp"
      cidr_block = egress.value
      from_port  = 0
      to_port    = 65535
    }
  }

  dynamic "ingress" {
    for_each = contains(local.icmp_tiers, each.key) ? local.anywhere : []

    content {
      rule_no    = 300
      action     = "allow"
      protocol   = "icmp"
      cidr_block = ingress.value
      icmp_type  = 3
      icmp_code  = 4
      from_port  = 0
      to_port    = 0
    }
  }

  dynamic "egress" {
    for_each = contains(local.icmp_tiers, each.key) ? local.anywhere : []

    content {
      rule_no    = 300
      action     = "allow"
      protocol   = "icmp"
      cidr_block = egress.value
      icmp_type  = 3
      icmp_code  = 4
      from_port  = 0
      to_port    = 0
    }
  }

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}
