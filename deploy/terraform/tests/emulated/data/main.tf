# Stands in for the stack data where no database can be made: the same module of keys and secrets, and nothing else.

module "keys_and_secrets" {
  source = "../../../modules/keys-and-secrets"

  name          = "meridian-${var.environment}"
  region        = var.region
  account_id    = var.account_id
  secret_prefix = "meridian/${var.environment}"
  copy          = { region = "us-west-2", key_arn = "arn:aws:kms:us-west-2:${var.account_id}:key/mrk-00000000000040008000000000000005" }
  tags          = var.tags
}

output "data" {
  value = {
    kms_key_arns       = module.keys_and_secrets.key_arns
    secret_arns        = module.keys_and_secrets.secret_arns
    shared_secret_arns = module.keys_and_secrets.shared_secret_arns
  }
}
