# One region's way in, in one of two shapes: a load balancer before the gateway in the cluster (a, "alb"), or AWS API
# Gateway before an internal load balancer before Istio (b, "apigateway").

locals {
  name     = "meridian-${var.environment}-${var.region}"
  endpoint = var.regions[var.region].endpoint
  names    = [local.endpoint, var.global.origin_name]
  gateway  = "${path.module}/../../../../gateway"
  stage    = jsondecode(file("${local.gateway}/api-gateway-stage.json"))
  header   = { name = local.stage.firewall.origin_header, values = var.global.origin_secrets }
  shape_a  = var.shape == "alb"
  shape_b  = var.shape == "apigateway"

  balancer = local.shape_a ? module.public[0] : module.internal[0]
  way_in   = local.shape_a ? { dns_name = local.balancer.dns_name, zone_id = local.balancer.zone_id } : module.api[0].domains[local.endpoint]
}

module "certificate" {
  source = "../../../modules/certificate"

  domain_name       = local.endpoint
  alternative_names = [var.global.origin_name]
  proven_elsewhere  = [var.global.origin_name] # by the stack global
  hosted_zone_id    = var.global.hosted_zone_id
  tags              = var.tags
}

module "firewall" {
  source = "../../../modules/web-firewall"

  name            = local.name
  scope           = "REGIONAL"
  log_kms_key_arn = var.data.kms_key_arns["logs"]
  # In shape a the load balancer asks for the secret itself.
  origin_header = local.shape_b ? local.header : null
  tags          = var.tags
}

# What the shop writes from; its role is in stack platform.
module "mail" {
  source = "../../../modules/mail-identity"

  name           = "meridian-${var.environment}"
  domain         = var.domain
  hosted_zone_id = var.global.hosted_zone_id
  tags           = var.tags
}

module "public" {
  source = "../../../modules/ingress"
  count  = local.shape_a ? 1 : 0

  name                = local.name
  internal            = false
  vpc_id              = var.network.vpc_id
  subnet_ids          = var.network.public_subnet_ids
  security_group_ids  = [var.network.security_group_ids["alb"], var.network.security_group_ids["alb_health_checks"]]
  certificate_arn     = module.certificate.arn
  host_names          = local.names
  origin_header       = local.header
  web_acl_arn         = module.firewall.arn
  access_log_bucket   = var.data.buckets["access-logs"].name
  deletion_protection = var.deletion_protection
  tags                = var.tags
}

module "internal" {
  source = "../../../modules/ingress"
  count  = local.shape_b ? 1 : 0

  name                = "${local.name}-int"
  internal            = true
  vpc_id              = var.network.vpc_id
  subnet_ids          = var.network.app_subnet_ids
  security_group_ids  = [var.network.security_group_ids["internal_alb"]]
  certificate_arn     = module.certificate.arn
  host_names          = [local.endpoint]
  target              = { port = 443, status_port = 443, status_path = "/healthz/ready" }
  access_log_bucket   = var.data.buckets["access-logs"].name
  deletion_protection = var.deletion_protection
  tags                = var.tags
}

module "api" {
  source = "../../../modules/api-gateway"
  count  = local.shape_b ? 1 : 0

  name            = local.name
  region          = var.region
  account_id      = var.account_id
  openapi_file    = "${local.gateway}/api-gateway.json"
  method_settings = local.stage.method_settings
  domain          = { names = local.names, certificate_arn = module.certificate.arn }
  web_acl_arn     = module.firewall.arn
  logs            = { kms_key_arn = var.data.kms_key_arns["logs"] }
  tags            = var.tags

  backend = {
    load_balancer_arn  = module.internal[0].arn
    dns_name           = module.internal[0].dns_name
    host               = local.endpoint
    subnet_ids         = var.network.app_subnet_ids
    security_group_ids = [var.network.security_group_ids["vpc_link"]]
  }

  authorizer = {
    image_uri          = var.authorizer_image_uri
    issuer             = "https://api.${var.domain}"
    audience           = "meridian"
    security_group_ids = [var.network.security_group_ids["functions"]]
  }

  permissions_boundary = local.permissions_boundary
}

# The region's own name. Which region a client is given is decided in the stack global, by CNAMEs of these names.
resource "aws_route53_record" "endpoint" {
  zone_id = var.global.hosted_zone_id
  name    = local.endpoint
  type    = "A"

  alias {
    name                   = local.way_in.dns_name
    zone_id                = local.way_in.zone_id
    evaluate_target_health = local.shape_a
  }
}
