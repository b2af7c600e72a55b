output "platform" {
  description = "The cluster and the roles in it."
  value = {
    cluster_name              = module.cluster.name
    cluster_endpoint          = module.cluster.endpoint
    oidc_provider_arn         = module.cluster.oidc.provider_arn
    node_role_arn             = module.cluster.node_role_arn
    controller_role_arns      = module.cluster.controller_role_arns
    service_role_arns         = module.identity.role_arns
    external_secrets_role_arn = module.identity.external_secrets_role_arn
    pipeline_role_arns        = module.pipeline.role_arns
    namespace_arn             = module.discovery.namespace_arn
    delivery                  = { store = module.delivery.store, deploy_project = module.delivery.deploy_project }
  }
}
