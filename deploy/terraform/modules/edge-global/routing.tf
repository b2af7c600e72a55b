# Four ways to choose a region, each a name of its own, all watched by the same health checks. CloudFront's API origin
# follows one of them; changing which is one value. They are CNAMEs of the regions' names, so a region can come and go
# without this stack.

locals {
  ttl_seconds = 60 # what a failover costs at most, after the health check noticed

  in_turn = [for turn in range(length(var.regions)) : one([for region, row in var.regions : region if row.turn == turn])]

  continents = merge([for region, row in var.regions : { for code in row.continents : code => region }]...)

  # Failover knows two: who is asked, and who instead. A chain of pairs asks all regions in turn.
  pairs = {
    for turn in range(length(var.regions) - 1) : tostring(turn) => {
      name    = turn == 0 ? "api-failover.${var.domain}" : "api-failover-${turn}.${var.domain}"
      primary = local.in_turn[turn]
      instead = turn == length(var.regions) - 2 ? var.regions[local.in_turn[turn + 1]].endpoint : "api-failover-${turn + 1}.${var.domain}"
    }
  }
}

resource "aws_route53_health_check" "region" {
  for_each = var.regions

  type              = "HTTPS"
  fqdn              = each.value.endpoint
  port              = 443
  resource_path     = "/ready"
  request_interval  = 10
  failure_threshold = 3
  measure_latency   = true
  enable_sni        = true

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

# The shop is open while one region is.
resource "aws_route53_health_check" "any" {
  type                   = "CALCULATED"
  child_healthchecks     = [for check in aws_route53_health_check.region : check.id]
  child_health_threshold = 1

  tags = merge(var.tags, { Name = "${var.name}-any" })
}

resource "aws_route53_record" "latency" {
  for_each = var.regions

  zone_id         = var.hosted_zone_id
  name            = "api-latency.${var.domain}"
  type            = "CNAME"
  ttl             = local.ttl_seconds
  records         = [each.value.endpoint]
  set_identifier  = each.key
  health_check_id = aws_route53_health_check.region[each.key].id

  latency_routing_policy {
    region = each.key
  }
}

resource "aws_route53_record" "weighted" {
  for_each = var.regions

  zone_id         = var.hosted_zone_id
  name            = "api-weighted.${var.domain}"
  type            = "CNAME"
  ttl             = local.ttl_seconds
  records         = [each.value.endpoint]
  set_identifier  = each.key
  health_check_id = aws_route53_health_check.region[each.key].id

  weighted_routing_policy {
    weight = each.value.weight
  }
}

resource "aws_route53_record" "geolocation" {
  for_each = local.continents

  zone_id         = var.hosted_zone_id
  name            = "api-geolocation.${var.domain}"
  type            = "CNAME"
  ttl             = local.ttl_seconds
  records         = [var.regions[each.value].endpoint]
  set_identifier  = each.key
  health_check_id = aws_route53_health_check.region[each.value].id

  geolocation_routing_policy {
    continent = each.key
  }
}

# Who comes from nowhere, and whose own region is away, follows the failover chain: never an answer without a region.
resource "aws_route53_record" "elsewhere" {
  zone_id        = var.hosted_zone_id
  name           = "api-geolocation.${var.domain}"
  type           = "CNAME"
  ttl            = local.ttl_seconds
  records        = [local.pairs["0"].name]
  set_identifier = "elsewhere"

  geolocation_routing_policy {
    country = "*"
  }
}

resource "aws_route53_record" "primary" {
  for_each = local.pairs

  zone_id         = var.hosted_zone_id
  name            = each.value.name
  type            = "CNAME"
  ttl             = local.ttl_seconds
  records         = [var.regions[each.value.primary].endpoint]
  set_identifier  = "primary"
  health_check_id = aws_route53_health_check.region[each.value.primary].id

  failover_routing_policy {
    type = "PRIMARY"
  }
}

resource "aws_route53_record" "secondary" {
  for_each = local.pairs

  zone_id        = var.hosted_zone_id
  name           = each.value.name
  type           = "CNAME"
  ttl            = local.ttl_seconds
  records        = [each.value.instead]
  set_identifier = "secondary"

  failover_routing_policy {
    type = "SECONDARY"
  }
}

resource "aws_route53_record" "public" {
  for_each = toset(["A", "AAAA"])

  zone_id = var.hosted_zone_id
  name    = "api.${var.domain}"
  type    = each.key

  alias {
    name                   = aws_cloudfront_distribution.this.domain_name
    zone_id                = aws_cloudfront_distribution.this.hosted_zone_id
    evaluate_target_health = false
  }
}
