output "observability" {
  description = "Where to look, and where images come from."
  value = {
    dashboards      = module.hub.dashboards
    repository_urls = module.delivery.repository_urls
    pipeline_arn    = module.delivery.pipeline_arn
    build_role_arns = module.delivery.build_role_arns
  }
}
