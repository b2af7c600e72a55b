# What all regions share: the domain, CloudFront with its firewall, and the rules by which a client gets a region. All of
# it is served by AWS's own edge: no region is needed for it to go on working.

locals {
  name   = "meridian-${var.environment}"
  stage  = jsondecode(file("${path.module}/../../../gateway/api-gateway-stage.json"))
  secret = coalesce(var.origin_secret, "of-emulators-and-plans-without-an-account")
}

module "boundary" {
  source = "../../modules/permissions-boundary"

  name       = local.name
  account_id = var.account_id
  regions    = keys(var.regions)
  tags       = var.tags
}

module "dns" {
  source = "../../modules/dns"

  name       = local.name
  domain     = var.domain
  account_id = var.account_id
  tags       = var.tags
}

module "certificate" {
  source = "../../modules/certificate"

  domain_name    = "api.${var.domain}"
  hosted_zone_id = module.dns.zone_id
  tags           = var.tags
  # The regions' certificates carry the name of the policy in use; its proof lives here, whichever it is.
  alternative_names = [for policy in ["latency", "geolocation", "weighted", "failover"] : "api-${policy}.${var.domain}"]
}

module "firewall" {
  source = "../../modules/web-firewall"

  name        = local.name
  scope       = "CLOUDFRONT"
  rate_rules  = local.stage.firewall.rate_rules
  bot_control = var.bot_control
  tags        = var.tags
}

module "edge" {
  source = "../../modules/edge-global"

  name            = local.name
  hosted_zone_id  = module.dns.zone_id
  domain          = var.domain
  routing_policy  = var.routing_policy
  certificate_arn = module.certificate.arn
  behaviours_file = "${path.module}/../../../gateway/cloudfront.json"
  origin_secret   = local.secret
  web_acl_arn     = module.firewall.arn
  shield_advanced = var.shield_advanced
  tags            = var.tags

  managed_policy_ids = local.managed_policy_ids

  regions = { for region, row in var.regions : region => merge(var.routing[region], { endpoint = row.endpoint }) }

  # The master's bucket and its copy (stack data): the same files, seconds apart.
  asset_buckets = [
    for region in [var.region, var.asset_copy_region] :
    "${local.name}-static-assets-${var.account_id}-${region}.s3.${region}.amazonaws.com"
  ]
}

# The gateways read it, the pods' side of the same secret; it is changed by runbook: previous := current, then a new one.
resource "aws_secretsmanager_secret" "origin" {
  name                    = "meridian/${var.environment}/gateway/origin"
  description             = "What CloudFront says to the origin: current, and previous while it is being changed."
  recovery_window_in_days = 7

  dynamic "replica" {
    for_each = setsubtract(keys(var.regions), [var.region])

    content {
      region = replica.value
    }
  }

  tags = var.tags
}

resource "aws_secretsmanager_secret_version" "origin" {
  secret_id                = aws_secretsmanager_secret.origin.id
  secret_string_wo         = jsonencode({ current = local.secret, previous = coalesce(var.origin_secret_previous, local.secret) })
  secret_string_wo_version = var.origin_secret_version
}
