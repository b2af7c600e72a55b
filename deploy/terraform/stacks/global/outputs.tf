output "global" {
  description = "What the regions need of what they share."
  value = {
    hosted_zone_id    = module.dns.zone_id
    name_servers      = module.dns.name_servers
    ds_record         = module.dns.ds_record
    domain            = var.domain
    cloudfront        = module.edge.distribution
    web_acl_arn       = module.firewall.arn
    certificate_arn   = module.certificate.arn
    health_check_ids  = module.edge.health_check_ids
    origin_name       = module.edge.origin_name
    origin_secret_arn = aws_secretsmanager_secret.origin.arn
  }
}

output "secret" {
  description = "What of it nobody is shown: load balancers compare the origin secret."
  sensitive   = true

  value = {
    origin_secrets = compact([local.secret, var.origin_secret_previous])
  }
}
