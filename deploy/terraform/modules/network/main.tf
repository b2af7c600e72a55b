# One region's VPC: three tiers of three /24 subnets. Public holds load balancers and NAT gateways, app holds the nodes,
# data has no way to or from the internet.

locals {
  zones = { for index, az in var.azs : az => index }

  tier_tags = {
    public = { "kubernetes.io/role/elb" = "1" }
    app    = { "kubernetes.io/role/internal-elb" = "1", "kubernetes.io/cluster/${var.cluster_name}" = "shared" }
    data   = {}
  }

  subnets = merge([
    for tier, octets in var.subnets : {
      for az, index in local.zones : "${tier}-${az}" => {
        tier = tier
        az   = az
        cidr = cidrsubnet(var.cidr, 8, octets[index])
      }
    }
  ]...)

  subnet_ids = {
    for tier in keys(var.subnets) : tier => [for az in var.azs : aws_subnet.this["${tier}-${az}"].id]
  }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = merge(var.tags, { Name = var.name })
}

# Whoever forgets to choose a security group gets one that lets nothing in or out.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = "${var.name}-default-closed" })
}

resource "aws_subnet" "this" {
  for_each = local.subnets

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.value.az
  cidr_block              = each.value.cidr
  map_public_ip_on_launch = false

  tags = merge(var.tags, local.tier_tags[each.value.tier], { Name = "${var.name}-${each.key}", Tier = each.value.tier })
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = merge(var.tags, { Name = var.name })
}
