# topology.md, row "ingress": TLS ends at the load balancer, health checks, routing; bypasses are closed.

mock_provider "aws" {
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/meridian/1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/mhttp/1" }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/meridian/1/2" }
  }
}

variables {
  name               = "meridian-prod-us-east-1"
  internal           = false
  vpc_id             = "vpc-1"
  subnet_ids         = ["subnet-1", "subnet-2", "subnet-3"]
  security_group_ids = ["sg-1", "sg-2"]
  certificate_arn    = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000000"
  host_names         = ["api-us.example.com", "api-latency.example.com"]
  web_acl_arn        = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/meridian/1"
  access_log_bucket  = "meridian-prod-logs"
  origin_header      = { name = "x-origin-secret", values = ["0123456789abcdef0123456789abcdef"] }
}

run "tls_ends_here_with_modern_ciphers" {
  command = plan

  assert {
    condition     = aws_lb_listener.this.port == 443 && aws_lb_listener.this.protocol == "HTTPS" && aws_lb_listener.this.ssl_policy == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" && aws_lb_listener.this.certificate_arn == var.certificate_arn
    error_message = "The one listener is HTTPS with TLS 1.2 or 1.3 and the ACM certificate."
  }
  assert {
    condition     = aws_lb.this.drop_invalid_header_fields && aws_lb.this.desync_mitigation_mode == "strictest" && !aws_lb.this.enable_waf_fail_open && aws_lb.this.enable_deletion_protection
    error_message = "Smuggled requests are refused; a firewall that is away lets nobody in; it is not deleted by accident."
  }
  assert {
    condition     = aws_lb.this.enable_zonal_shift
    error_message = "A zone can be taken out of it without a change."
  }
  assert {
    condition     = aws_lb.this.access_logs[0].enabled && aws_lb.this.connection_logs[0].enabled && aws_lb.this.idle_timeout == 65
    error_message = "Requests and connections are logged; a stream's heartbeat keeps its connection."
  }
}

run "who_comes_around_cloudfront_gets_403" {
  command = apply

  assert {
    condition     = aws_lb_listener.this.default_action[0].type == "fixed-response" && aws_lb_listener.this.default_action[0].fixed_response[0].status_code == "403"
    error_message = "What no rule names is refused."
  }
  assert {
    condition     = nonsensitive(toset(flatten([for c in aws_lb_listener_rule.requests.condition : [for h in c.http_header : h.values]]))) == toset(["0123456789abcdef0123456789abcdef"]) && toset(flatten([for c in aws_lb_listener_rule.requests.condition : [for h in c.host_header : h.values]])) == toset(["api-us.example.com", "api-latency.example.com"])
    error_message = "Requests need a known host name and CloudFront's secret header."
  }
  assert {
    condition     = aws_wafv2_web_acl_association.this[0].web_acl_arn == var.web_acl_arn
    error_message = "The firewall stands in front of it."
  }
}

run "nothing_is_sent_to_the_gateway_in_clear" {
  command = plan

  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : group.protocol == "HTTPS" && group.health_check[0].protocol == "HTTPS"])
    error_message = "Requests and health checks go to the gateway over TLS."
  }
}

run "health_is_asked_at_the_status_port" {
  command = plan

  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : group.target_type == "ip" && group.health_check[0].port == "8081" && group.health_check[0].path == "/ready" && group.health_check[0].interval == 5])
    error_message = "A pod is healthy when its gateway says so, found out within ten seconds."
  }
  assert {
    condition     = aws_lb_target_group.this["http"].port == 8080 && aws_lb_target_group.this["status"].port == 8081 && aws_lb_target_group.this["http"].deregistration_delay == "30"
    error_message = "Requests go to 8080, health checks to 8081; a leaving pod has thirty seconds, one more than the longest request."
  }
  assert {
    condition     = toset(flatten([for c in aws_lb_listener_rule.status.condition : [for p in c.path_pattern : p.values]])) == toset(["/ready"]) && toset(flatten([for c in aws_lb_listener_rule.status.condition : [for m in c.http_request_method : m.values]])) == toset(["GET"])
    error_message = "Without the header only GET /ready gets through."
  }
}

run "an_internal_one_serves_api_gateway" {
  command = plan
  variables {
    internal      = true
    web_acl_arn   = null
    origin_header = null
    target        = { port = 443, status_port = 443, status_path = "/healthz/ready" }
  }

  assert {
    condition     = aws_lb.this.internal && length(aws_wafv2_web_acl_association.this) == 0 && aws_lb_target_group.this["http"].port == 443 && aws_lb_target_group.this["http"].health_check[0].port == "443" && aws_lb_target_group.this["http"].health_check[0].path == "/healthz/ready"
    error_message = "Shape b's load balancer is inside and leads to Istio's gateway."
  }
}

run "refuses_the_internet_without_a_firewall" {
  command = plan
  variables {
    web_acl_arn = null
  }
  expect_failures = [aws_wafv2_web_acl_association.this]
}

run "refuses_a_missing_certificate" {
  command = plan
  variables {
    certificate_arn = ""
  }
  expect_failures = [var.certificate_arn]
}

run "refuses_a_short_secret" {
  command = plan
  variables {
    origin_header = { name = "x-origin-secret", values = ["secret"] }
  }
  expect_failures = [var.origin_header]
}

run "refuses_four_host_names" {
  command = plan
  variables {
    host_names = ["a.example.com", "b.example.com", "c.example.com", "d.example.com"]
  }
  expect_failures = [var.host_names]
}

run "refuses_two_subnets" {
  command = plan
  variables {
    subnet_ids = ["subnet-1", "subnet-2"]
  }
  expect_failures = [var.subnet_ids]
}

run "refuses_a_name_that_aws_reserves" {
  command = plan
  variables {
    name = "internal-meridian"
  }
  expect_failures = [var.name]
}
