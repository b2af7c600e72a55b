# AWS's own policies of CloudFront are asked for by name; their ids are nobody's to remember. Where AWS is not asked, the
# names stand in for them.

locals {
  behaviours = jsondecode(file("${path.module}/../../../gateway/cloudfront.json"))

  managed_policy_names = {
    cache            = toset(compact([for policy in values(local.behaviours.cache_policies) : try(policy.managed, "")]))
    origin_request   = toset(compact([for policy in values(local.behaviours.origin_request_policies) : try(policy.managed, "")]))
    security_headers = toset(["SecurityHeadersPolicy"])
  }

  managed_policy_ids = {
    cache = merge(
      { for name in local.managed_policy_names.cache : name => "Managed-${name}" },
      { for name, policy in data.aws_cloudfront_cache_policy.managed : name => policy.id },
    )
    origin_request = merge(
      { for name in local.managed_policy_names.origin_request : name => "Managed-${name}" },
      { for name, policy in data.aws_cloudfront_origin_request_policy.managed : name => policy.id },
    )
    security_headers = one(values(merge(
      { for name in local.managed_policy_names.security_headers : name => "Managed-${name}" },
      { for name, policy in data.aws_cloudfront_response_headers_policy.managed : name => policy.id },
    )))
  }
}

data "aws_cloudfront_cache_policy" "managed" {
  for_each = var.emulator_endpoint == null ? local.managed_policy_names.cache : toset([])
  name     = "Managed-${each.value}"
}

data "aws_cloudfront_origin_request_policy" "managed" {
  for_each = var.emulator_endpoint == null ? local.managed_policy_names.origin_request : toset([])
  name     = "Managed-${each.value}"
}

data "aws_cloudfront_response_headers_policy" "managed" {
  for_each = var.emulator_endpoint == null ? local.managed_policy_names.security_headers : toset([])
  name     = "Managed-${each.value}"
}
