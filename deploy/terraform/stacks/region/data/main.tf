# What one region keeps: keys, secrets, database, cache, buckets, backups; and their copies in the copy region. Nothing here
# needs another region to work.

locals {
  name        = "meridian-${var.environment}"
  full_name   = "${local.name}-${var.region}"
  copy_region = var.copy_regions[var.region]
  tags        = merge(var.tags, { region = var.region })
  saved       = merge(local.tags, module.backup.tag)
  replicated  = ["storage", "warehouse", "secrets", "backup", "personal"]
}

module "keys_and_secrets" {
  source = "../../../modules/keys-and-secrets"

  name          = local.name
  region        = var.region
  account_id    = var.account_id
  secret_prefix = "meridian/${var.environment}"
  copy          = { region = local.copy_region, key_arn = module.key_replicas.key_arns["secrets"] }
  recovery_days = var.deletion.recovery_days
  tags          = local.tags
}

module "key_replicas" {
  source    = "../../../modules/key-replicas"
  providers = { aws = aws.copy }

  name             = local.name
  primary_key_arns = { for purpose in local.replicated : purpose => module.keys_and_secrets.key_arns[purpose] }
  policies         = { for purpose in local.replicated : purpose => module.keys_and_secrets.key_policies[purpose] }
  recovery_days    = var.deletion.recovery_days
  tags             = local.tags
}

module "database" {
  source = "../../../modules/database"

  name           = local.full_name
  environment    = var.environment
  engine         = var.database.engine
  engine_version = var.database.engine_version
  sizes          = var.database.sizes
  retention      = var.database.retention
  protected      = var.database.protected
  global         = var.global_database == null ? null : { identifier = var.global_database.identifier, primary = var.global_database.primary_region == var.region }
  admin_password = var.admin_password
  kms_key_arns   = { for purpose in ["database", "secrets", "logs"] : purpose => module.keys_and_secrets.key_arns[purpose] }
  tags           = local.saved

  network = {
    vpc_id            = var.network.vpc_id
    azs               = var.network.azs
    subnet_ids        = var.network.data_subnet_ids
    security_group_id = var.network.security_group_ids["database"]
  }

  permissions_boundary = local.permissions_boundary
}

module "cache" {
  source = "../../../modules/cache"

  name          = local.full_name
  environment   = var.environment
  engine        = var.cache.engine
  sizes         = var.cache.sizes
  snapshot_days = var.cache.snapshot_days
  kms_key_arns  = { for purpose in ["cache", "logs"] : purpose => module.keys_and_secrets.key_arns[purpose] }
  tags          = local.tags

  network = {
    subnet_ids        = var.network.data_subnet_ids
    security_group_id = var.network.security_group_ids["cache"]
  }
}

module "rotation" {
  source = "../../../modules/rotation"

  name         = local.full_name
  region       = var.region
  account_id   = var.account_id
  secret_arns  = { for service, own in module.keys_and_secrets.secret_arns : service => own.settings }
  kms_key_arns = { for purpose in ["secrets", "logs"] : purpose => module.keys_and_secrets.key_arns[purpose] }
  tags         = local.tags

  cache = {
    address    = "${module.cache.cache.configuration_endpoint}:${module.cache.cache.port}"
    user_names = module.cache.cache.user_names
    user_arns  = module.cache.cache.user_arns
  }

  permissions_boundary = local.permissions_boundary
}

module "storage" {
  source = "../../../modules/storage"

  name         = local.name
  region       = var.region
  account_id   = var.account_id
  kms_key_arns = { for purpose in ["storage", "warehouse"] : purpose => module.keys_and_secrets.key_arns[purpose] }
  tags         = local.saved

  replicate_to = {
    for purpose, key in { static-assets = "storage", logs = "storage", backups = "storage", warehouse = "warehouse" } : purpose => {
      arn                               = module.storage_copies.buckets[purpose].arn
      kms_key_arn                       = module.key_replicas.key_arns[key]
    }
  }

  permissions_boundary = local.permissions_boundary
}

module "storage_copies" {
  source    = "../../../modules/storage"
  providers = { aws = aws.copy }

  name         = local.name
  region       = local.copy_region
  account_id   = var.account_id
  kms_key_arns = { for purpose in ["storage", "warehouse"] : purpose => module.key_replicas.key_arns[purpose] }
  tags         = local.tags

  permissions_boundary = local.permissions_boundary
}

module "vault" {
  source = "../../../modules/backup-vault"

  name            = local.name
  region          = var.region
  account_id      = var.account_id
  kms_key_arn     = module.keys_and_secrets.key_arns["backup"]
  changeable_days = var.deletion.lock_final ? var.deletion.lock_changeable_for : null
  tags            = local.tags
}

module "vault_copy" {
  source    = "../../../modules/backup-vault"
  providers = { aws = aws.copy }

  name            = local.name
  region          = local.copy_region
  account_id      = var.account_id
  kms_key_arn     = module.key_replicas.key_arns["backup"]
  changeable_days = var.deletion.lock_final ? var.deletion.lock_changeable_for : null
  tags            = local.tags
}

# Plain RDS exports snapshots alone, each by its name: no schedule can name tomorrow's.
module "database_export" {
  source = "../../../modules/database-export"
  count  = var.database.engine == "aurora-postgresql" ? 1 : 0

  name                 = local.full_name
  account_id           = var.account_id
  cluster_arn          = "arn:aws:rds:${var.region}:${var.account_id}:cluster:${local.full_name}"
  database_key_arn     = module.keys_and_secrets.key_arns["database"]
  bucket               = { name = module.storage.buckets["backups"].name, key_arn = module.keys_and_secrets.key_arns["storage"] }
  permissions_boundary = local.permissions_boundary
  tags                 = local.tags
}

module "backup" {
  source = "../../../modules/backup"

  name       = local.full_name
  account_id = var.account_id
  tags       = local.tags

  vaults = {
    own_name = module.vault.name
    own_arn  = module.vault.arn
    copy_arn = module.vault_copy.arn
  }

  permissions_boundary = local.permissions_boundary
}
