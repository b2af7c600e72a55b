output "data" {
  description = "What the region keeps, for the stacks that use it."
  value = {
    database             = module.database.database
    cache                = merge(module.cache.cache, { secret_arns = { for service, own in module.keys_and_secrets.secret_arns : service => own.settings } })
    buckets              = module.storage.buckets
    copies               = { region = local.copy_region, buckets = module.storage_copies.buckets }
    kms_key_arns         = module.keys_and_secrets.key_arns
    kms_replica_key_arns = module.key_replicas.key_arns
    secret_arns          = module.keys_and_secrets.secret_arns
    shared_secret_arns   = module.keys_and_secrets.shared_secret_arns
    backup               = { plan_arn = module.backup.plan_arn, vault_name = module.vault.name, tag = module.backup.tag, export_group = one(module.database_export[*].schedule_group) }
  }
}
