# The provider of every stack. Which services a stack calls is its own affair: an emulator answers all of them at one address.

provider "aws" {
  region              = var.region
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
      acm                    = endpoints.value
      apigateway             = endpoints.value
      apigatewayv2           = endpoints.value
      appconfig              = endpoints.value
      applicationautoscaling = endpoints.value
      athena                 = endpoints.value
      backup                 = endpoints.value
      budgets                = endpoints.value
      ce                     = endpoints.value
      cloudfront             = endpoints.value
      cloudtrail             = endpoints.value
      cloudwatch             = endpoints.value
      codebuild              = endpoints.value
      codeconnections        = endpoints.value
      codepipeline           = endpoints.value
      configservice          = endpoints.value
      ec2                    = endpoints.value
      ecr                    = endpoints.value
      eks                    = endpoints.value
      elasticache            = endpoints.value
      elbv2                  = endpoints.value
      firehose               = endpoints.value
      glue                   = endpoints.value
      iam                    = endpoints.value
      kms                    = endpoints.value
      lambda                 = endpoints.value
      logs                   = endpoints.value
      oam                    = endpoints.value
      pipes                  = endpoints.value
      rds                    = endpoints.value
      route53                = endpoints.value
      s3                     = endpoints.value
      scheduler              = endpoints.value
      secretsmanager         = endpoints.value
      servicediscovery       = endpoints.value
      sesv2                  = endpoints.value
      shield                 = endpoints.value
      sns                    = endpoints.value
      sqs                    = endpoints.value
      sts                    = endpoints.value
      wafv2                  = endpoints.value
    }
  }
}
