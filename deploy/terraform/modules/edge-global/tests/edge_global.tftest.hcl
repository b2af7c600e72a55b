# topology.md, "Global layer": four ways to choose a region with health checks, and CloudFront's three cache classes.

mock_provider "aws" {
  mock_resource "aws_cloudfront_distribution" {
    defaults = { arn = "arn:aws:cloudfront::111122223333:distribution/E1" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:cloudfront" }
  }
  mock_resource "aws_cloudwatch_log_delivery_destination" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:delivery-destination:cloudfront" }
  }
}

variables {
  name            = "meridian-prod"
  hosted_zone_id  = "Z1"
  domain          = "example.com"
  certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000000"
  behaviours_file = "../../../gateway/cloudfront.json"
  asset_buckets   = ["a.s3.us-east-1.amazonaws.com", "b.s3.us-west-2.amazonaws.com"]
  origin_secret   = "0123456789abcdef0123456789abcdef"
  managed_policy_ids = {
    cache            = { CachingDisabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" }
    origin_request   = { AllViewerExceptHostHeader = "b689b0a8-53d0-40ab-baf2-68738e2966ac" }
    security_headers = "67f7725c-6f97-4210-82d7-5512b31e9d03"
  }
  web_acl_arn = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/meridian-prod/1"
  regions = {
    us-east-1  = { endpoint = "api-us.example.com", continents = ["NA", "SA"], weight = 100, turn = 0 }
    eu-west-1  = { endpoint = "api-eu.example.com", continents = ["EU", "AF"], weight = 100, turn = 1 }
    ap-south-1 = { endpoint = "api-ap.example.com", continents = ["AS", "OC"], weight = 50, turn = 2 }
  }
}

run "each_region_is_watched_every_ten_seconds" {
  command = plan

  assert {
    condition     = { for region, check in aws_route53_health_check.region : region => check.fqdn } == { us-east-1 = "api-us.example.com", eu-west-1 = "api-eu.example.com", ap-south-1 = "api-ap.example.com" }
    error_message = "Health checks ask api-us, api-eu and api-ap.example.com."
  }
  assert {
    condition     = alltrue([for check in aws_route53_health_check.region : check.type == "HTTPS" && check.port == 443 && check.request_interval == 10 && check.failure_threshold == 3 && check.resource_path == "/ready"])
    error_message = "A region is out after thirty seconds."
  }
  assert {
    condition     = aws_route53_health_check.any.type == "CALCULATED" && aws_route53_health_check.any.child_health_threshold == 1
    error_message = "The shop is open while one region is."
  }
}

run "latency_weighted_geolocation_and_failover" {
  command = plan

  assert {
    condition     = alltrue([for region, record in aws_route53_record.latency : record.latency_routing_policy[0].region == region && record.name == "api-latency.example.com" && record.ttl == 60]) && length(aws_route53_record.latency) == 3
    error_message = "The nearest region answers api-latency."
  }
  assert {
    condition     = { for region, record in aws_route53_record.weighted : region => record.weighted_routing_policy[0].weight } == { us-east-1 = 100, eu-west-1 = 100, ap-south-1 = 50 }
    error_message = "Weights share out api-weighted."
  }
  assert {
    condition     = { for code, record in aws_route53_record.geolocation : code => one(record.records) } == { NA = "api-us.example.com", SA = "api-us.example.com", EU = "api-eu.example.com", AF = "api-eu.example.com", AS = "api-ap.example.com", OC = "api-ap.example.com" }
    error_message = "Each continent has its region."
  }
  assert {
    condition     = aws_route53_record.elsewhere.geolocation_routing_policy[0].country == "*" && aws_route53_record.elsewhere.records == toset(["api-failover.example.com"])
    error_message = "Whoever has no region of their own follows the failover."
  }
  assert {
    condition     = aws_route53_record.primary["0"].records == toset(["api-us.example.com"]) && aws_route53_record.secondary["0"].records == toset(["api-failover-1.example.com"]) && aws_route53_record.primary["1"].records == toset(["api-eu.example.com"]) && aws_route53_record.secondary["1"].records == toset(["api-ap.example.com"])
    error_message = "Failover asks the master, then Europe, then Asia."
  }
}

run "records_follow_their_health_checks" {
  command = apply

  assert {
    condition     = alltrue([for region, record in aws_route53_record.latency : record.health_check_id == aws_route53_health_check.region[region].id]) && alltrue([for region, record in aws_route53_record.weighted : record.health_check_id == aws_route53_health_check.region[region].id]) && alltrue([for record in aws_route53_record.primary : record.health_check_id != null]) && alltrue([for record in aws_route53_record.geolocation : record.health_check_id != null])
    error_message = "A region that is not well is not answered."
  }
}

run "static_for_a_year_api_for_five_minutes_the_rest_never" {
  command = apply

  assert {
    condition     = aws_cloudfront_cache_policy.this["one_year"].default_ttl == 31536000 && aws_cloudfront_cache_policy.this["one_year"].max_ttl == 31536000
    error_message = "Static files are kept for a year."
  }
  assert {
    condition     = aws_cloudfront_cache_policy.this["five_minutes"].max_ttl == 300
    error_message = "API responses are kept for five minutes at most."
  }
  assert {
    condition     = one([for b in aws_cloudfront_distribution.this.ordered_cache_behavior : b.cache_policy_id if b.path_pattern == "/v1/orders"]) == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    error_message = "Orders are never kept (AWS's policy CachingDisabled)."
  }
  assert {
    condition     = one([for b in aws_cloudfront_distribution.this.ordered_cache_behavior : b.cache_policy_id if b.path_pattern == "/static/*"]) == aws_cloudfront_cache_policy.this["one_year"].id && one([for b in aws_cloudfront_distribution.this.ordered_cache_behavior : b.cache_policy_id if b.path_pattern == "/v1/products/*"]) == aws_cloudfront_cache_policy.this["five_minutes"].id
    error_message = "Each path has the class the route table gives it."
  }
  assert {
    condition     = length(aws_cloudfront_distribution.this.ordered_cache_behavior) == length(jsondecode(file(var.behaviours_file)).behaviours) && length(aws_cloudfront_distribution.this.ordered_cache_behavior) <= 75
    error_message = "Behaviours are the generated ones, within AWS's quota of 75."
  }
}

run "what_people_write_into_addresses_is_not_logged" {
  command = plan

  assert {
    condition     = length(setintersection(aws_cloudwatch_log_delivery.access.record_fields, ["cs-uri-query", "cs(Cookie)", "cs(Referer)", "cs-headers"])) == 0 && contains(aws_cloudwatch_log_delivery.access.record_fields, "x-edge-request-id")
    error_message = "Access logs have no query, no cookie and no referrer."
  }
}

run "origins_are_reached_by_cloudfront_alone" {
  command = apply

  assert {
    condition     = aws_cloudfront_origin_access_control.assets.signing_behavior == "always" && aws_cloudfront_origin_access_control.assets.origin_access_control_origin_type == "s3" && alltrue([for o in aws_cloudfront_distribution.this.origin : o.origin_access_control_id == aws_cloudfront_origin_access_control.assets.id if startswith(o.origin_id, "assets")])
    error_message = "Buckets are read with signed requests."
  }
  assert {
    condition     = nonsensitive(one(flatten([for o in aws_cloudfront_distribution.this.origin : [for h in o.custom_header : h.name] if o.origin_id == "api"]))) == "x-origin-secret" && output.origin_name == "api-latency.example.com"
    error_message = "The API's origin is told the secret."
  }
  assert {
    condition     = aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" && aws_cloudfront_distribution.this.web_acl_id == var.web_acl_arn && aws_cloudfront_distribution.this.aliases == toset(["api.example.com"])
    error_message = "Clients come by TLS 1.2 or newer, through the firewall."
  }
  assert {
    condition     = length(aws_shield_protection.this) == 0
    error_message = "Shield Advanced is a choice."
  }
}

run "shield_advanced_can_be_chosen" {
  command = apply
  variables {
    shield_advanced = true
  }

  assert {
    condition     = toset(keys(aws_shield_protection.this)) == toset(["cloudfront", "dns"])
    error_message = "Shield Advanced protects CloudFront and the zone."
  }
}

run "refuses_a_missing_certificate" {
  command = plan
  variables {
    certificate_arn = ""
  }
  expect_failures = [var.certificate_arn]
}

run "refuses_a_certificate_of_another_region" {
  command = plan
  variables {
    certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/00000000-0000-4000-8000-000000000000"
  }
  expect_failures = [var.certificate_arn]
}

run "refuses_two_regions_of_one_turn" {
  command = plan
  variables {
    regions = { us-east-1 = { endpoint = "api-us.example.com", turn = 0 }, eu-west-1 = { endpoint = "api-eu.example.com", turn = 0 } }
  }
  expect_failures = [var.regions]
}

run "refuses_a_continent_of_two_regions" {
  command = plan
  variables {
    regions = { us-east-1 = { endpoint = "api-us.example.com", turn = 0, continents = ["EU"] }, eu-west-1 = { endpoint = "api-eu.example.com", turn = 1, continents = ["EU"] } }
  }
  expect_failures = [var.regions]
}

run "refuses_a_region_that_is_none" {
  command = plan
  variables {
    regions = { virginia = { endpoint = "api-us.example.com", turn = 0 }, eu-west-1 = { endpoint = "api-eu.example.com", turn = 1 } }
  }
  expect_failures = [var.regions]
}

run "refuses_an_unknown_policy" {
  command = plan
  variables {
    routing_policy = "random"
  }
  expect_failures = [var.routing_policy]
}

run "refuses_a_short_secret" {
  command = plan
  variables {
    origin_secret = "secret"
  }
  expect_failures = [var.origin_secret]
}

run "refuses_one_bucket" {
  command = plan
  variables {
    asset_buckets = ["a.s3.us-east-1.amazonaws.com"]
  }
  expect_failures = [var.asset_buckets]
}

run "refuses_to_stand_without_a_firewall" {
  command = plan
  variables {
    web_acl_arn = ""
  }
  expect_failures = [var.web_acl_arn]
}

run "a_policy_of_aws_that_nobody_looked_up_is_refused" {
  command = plan
  variables {
    managed_policy_ids = { cache = {}, origin_request = {}, security_headers = "67f7725c-6f97-4210-82d7-5512b31e9d03" }
  }
  expect_failures = [var.managed_policy_ids]
}
