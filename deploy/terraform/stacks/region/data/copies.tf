# The provider of the copy region, said in full: no provider takes its settings from another. What every stack has is in
# providers.tf.

provider "aws" {
  alias               = "copy"
  region              = local.copy_region
  allowed_account_ids = var.emulator_endpoint == null ? [var.account_id] : null

  access_key                  = var.emulator_endpoint == null ? null : "test"
  secret_key                  = var.emulator_endpoint == null ? null : "test"
  skip_credentials_validation = var.emulator_endpoint != null
  skip_metadata_api_check     = var.emulator_endpoint != null
  skip_requesting_account_id  = var.emulator_endpoint != null
  skip_region_validation      = var.emulator_endpoint != null
  max_retries                 = var.emulator_endpoint == null ? 25 : 2

  dynamic "endpoints" {
    for_each = var.emulator_endpoint == null ? [] : [var.emulator_endpoint]

    content {
      backup = endpoints.value
      iam    = endpoints.value
      kms    = endpoints.value
      logs   = endpoints.value
      s3     = endpoints.value
      sts    = endpoints.value
    }
  }
}
