output "edge" {
  description = "The region's way in."
  value = {
    shape             = var.shape
    endpoint          = local.endpoint
    alb_arn           = local.balancer.arn
    alb_arn_suffix    = local.balancer.arn_suffix
    alb_dns_name      = local.balancer.dns_name
    alb_zone_id       = local.balancer.zone_id
    target_group_arns = local.balancer.target_group_arns
    certificate_arn   = module.certificate.arn
    web_acl_arn       = module.firewall.arn
    api_gateway_id    = one(module.api[*].rest_api_id)
  }
}
