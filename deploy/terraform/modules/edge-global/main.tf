# CloudFront in front of the regions: static files for a year, the catalogue for five minutes, the rest never. What it
# does with which path is generated from the route table.

locals {
  edge        = jsondecode(file(var.behaviours_file))
  origin_name = "api-${var.routing_policy}.${var.domain}"

  # The file names AWS's own policies, and the caller knows their ids; the others are made here.
  own_cache_policies   = { for name, policy in local.edge.cache_policies : name => policy if !can(policy.managed) }
  own_request_policies = { for name, policy in local.edge.origin_request_policies : name => policy if !can(policy.managed) }

  cache_policy_ids = merge(
    { for name, policy in local.edge.cache_policies : name => var.managed_policy_ids.cache[policy.managed] if can(policy.managed) },
    { for name, policy in aws_cloudfront_cache_policy.this : name => policy.id },
  )
  request_policy_ids = merge(
    { for name, policy in local.edge.origin_request_policies : name => var.managed_policy_ids.origin_request[policy.managed] if can(policy.managed) },
    { for name, policy in aws_cloudfront_origin_request_policy.this : name => policy.id },
  )

  origin_ids = { api = "api", assets = "assets" }
}

resource "aws_cloudfront_cache_policy" "this" {
  for_each = local.own_cache_policies

  name        = "${var.name}-${replace(each.key, "_", "-")}"
  comment     = "At most ${each.value.max_ttl} seconds."
  min_ttl     = each.value.min_ttl
  default_ttl = each.value.default_ttl
  max_ttl     = each.value.max_ttl

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    headers_config {
      header_behavior = length(each.value.headers) == 0 ? "none" : "whitelist"

      dynamic "headers" {
        for_each = length(each.value.headers) == 0 ? [] : [each.value.headers]

        content {
          items = headers.value
        }
      }
    }

    query_strings_config {
      query_string_behavior = each.value.query_strings
    }

    cookies_config {
      cookie_behavior = each.value.cookies
    }
  }
}

resource "aws_cloudfront_origin_request_policy" "this" {
  for_each = local.own_request_policies

  name    = "${var.name}-${replace(each.key, "_", "-")}"
  comment = "What passes a cache without being part of its key."

  headers_config {
    header_behavior = "whitelist"

    headers {
      items = each.value.headers
    }
  }

  query_strings_config {
    query_string_behavior = each.value.query_strings
  }

  cookies_config {
    cookie_behavior = each.value.cookies
  }
}

resource "aws_cloudfront_origin_access_control" "assets" {
  name                              = "${var.name}-assets"
  description                       = "CloudFront signs what it asks the buckets for; nobody else may read them."
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "this" {
  comment         = var.name
  aliases         = ["api.${var.domain}"]
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = "PriceClass_All"
  web_acl_id      = var.web_acl_arn

  origin {
    origin_id           = "api"
    domain_name         = local.origin_name
    connection_attempts = 2
    connection_timeout  = 3

    custom_origin_config {
      http_port                = 80
      https_port               = 443
      origin_protocol_policy   = local.edge.origins.api.protocol
      origin_ssl_protocols     = ["TLSv1.2"]
      origin_read_timeout      = local.edge.origins.api.read_timeout
      origin_keepalive_timeout = local.edge.origins.api.keepalive_timeout
    }

    custom_header {
      name  = local.edge.origins.api.secret_header
      value = var.origin_secret
    }
  }

  dynamic "origin" {
    for_each = { for index, bucket in var.asset_buckets : "assets-${index}" => bucket }

    content {
      origin_id                = origin.key
      domain_name              = origin.value
      origin_access_control_id = aws_cloudfront_origin_access_control.assets.id
    }
  }

  origin_group {
    origin_id = "assets"

    failover_criteria {
      status_codes = [500, 502, 503, 504]
    }

    member {
      origin_id = "assets-0"
    }

    member {
      origin_id = "assets-1"
    }
  }

  default_cache_behavior {
    target_origin_id           = local.origin_ids[local.edge.default_behaviour.origin]
    allowed_methods            = local.edge.default_behaviour.allowed_methods
    cached_methods             = local.edge.default_behaviour.cached_methods
    cache_policy_id            = local.cache_policy_ids[local.edge.default_behaviour.cache_policy]
    response_headers_policy_id = var.managed_policy_ids.security_headers
    viewer_protocol_policy     = local.edge.default_behaviour.viewer_protocol
    compress                   = local.edge.default_behaviour.compress
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.edge.behaviours

    content {
      path_pattern               = ordered_cache_behavior.value.path_pattern
      target_origin_id           = local.origin_ids[ordered_cache_behavior.value.origin]
      allowed_methods            = ordered_cache_behavior.value.allowed_methods
      cached_methods             = ordered_cache_behavior.value.cached_methods
      cache_policy_id            = local.cache_policy_ids[ordered_cache_behavior.value.cache_policy]
      origin_request_policy_id   = try(local.request_policy_ids[ordered_cache_behavior.value.origin_request_policy], null)
      response_headers_policy_id = var.managed_policy_ids.security_headers
      viewer_protocol_policy     = ordered_cache_behavior.value.viewer_protocol
      compress                   = ordered_cache_behavior.value.compress
    }
  }

  dynamic "custom_error_response" {
    for_each = local.edge.error_caching_min_ttl

    content {
      error_code            = tonumber(custom_error_response.key)
      error_caching_min_ttl = custom_error_response.value
    }
  }

  # The shop sells everywhere; where it may not, products and addresses decide.
  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn      = var.certificate_arn
    ssl_support_method       = "sni-only"
    minimum_protocol_version = "TLSv1.2_2021"
  }

  tags = var.tags
}

resource "aws_shield_protection" "this" {
  for_each = var.shield_advanced ? { cloudfront = aws_cloudfront_distribution.this.arn, dns = "arn:aws:route53:::hostedzone/${var.hosted_zone_id}" } : {}

  name         = "${var.name}-${each.key}"
  resource_arn = each.value

  tags = var.tags
}
