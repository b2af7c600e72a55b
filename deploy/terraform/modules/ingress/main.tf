# A load balancer that ends TLS, lets in who knows the way, and speaks TLS with the gateway as well, whose certificate it takes
# on trust: it finds pods by their addresses, in its own VPC. Its target groups are filled by the cluster
# (TargetGroupBinding), so it stands, with its name and its firewall, before the first pod and after the last.

locals {
  # The path for health checkers is open: they can send no header. It leads to the gateway's status port and nowhere else.
  targets = {
    # A leaving pod answers what it has: the longest request takes 29 s, and the gateway ends 35 s after it was told to.
    http   = { port = var.target.port, drain = 30 }
    status = { port = var.target.status_port, drain = 0 }
  }

  forbidden = jsonencode({
    type   = "urn:meridian:problem:origin_required"
    title  = "This is not the shop's public address"
    status = 403
    code   = "origin_required"
  })
}

resource "aws_lb" "this" {
  name                       = var.name
  internal                   = var.internal
  load_balancer_type         = "application"
  ip_address_type            = "ipv4"
  subnets                    = var.subnet_ids
  security_groups            = var.security_group_ids
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  xff_header_processing_mode = "append"
  enable_http2               = true
  enable_waf_fail_open       = false
  enable_zonal_shift         = true # docs/runbooks/drain-a-zone.md
  enable_deletion_protection = var.deletion_protection
  # Longer than the heartbeat of an event stream (15 s), shorter than Envoy keeps an idle connection (120 s).
  idle_timeout = 65

  dynamic "access_logs" {
    for_each = var.access_log_bucket == null ? [] : [var.access_log_bucket]

    content {
      bucket  = access_logs.value
      prefix  = "load-balancer/${var.name}"
      enabled = true
    }
  }

  dynamic "connection_logs" {
    for_each = var.access_log_bucket == null ? [] : [var.access_log_bucket]

    content {
      bucket  = connection_logs.value
      prefix  = "load-balancer-connections/${var.name}"
      enabled = true
    }
  }

  tags = var.tags
}

resource "aws_lb_target_group" "this" {
  for_each = local.targets

  # A prefix, because a fixed name would block replacement; the controller's role is bound to it (module cluster).
  name_prefix                   = { http = "m-http", status = "m-stat" }[each.key]
  vpc_id                        = var.vpc_id
  target_type                   = "ip"
  protocol                      = "HTTPS"
  port                          = each.value.port
  deregistration_delay          = each.value.drain
  load_balancing_algorithm_type = each.key == "http" ? "least_outstanding_requests" : "round_robin"

  health_check {
    protocol            = "HTTPS"
    port                = tostring(var.target.status_port)
    path                = var.target.status_path
    matcher             = "200"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "403"
      content_type = "application/json"
      message_body = local.forbidden
    }
  }

  tags = var.tags
}

resource "aws_lb_listener_rule" "status" {
  listener_arn = aws_lb_listener.this.arn
  priority     = 1

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["status"].arn
  }

  condition {
    path_pattern {
      values = [var.target.status_path]
    }
  }

  condition {
    http_request_method {
      values = ["GET"]
    }
  }

  tags = merge(var.tags, { Name = "status" })
}

resource "aws_lb_listener_rule" "requests" {
  listener_arn = aws_lb_listener.this.arn
  priority     = 10

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["http"].arn
  }

  condition {
    host_header {
      values = var.host_names
    }
  }

  dynamic "condition" {
    for_each = nonsensitive(var.origin_header != null) ? [1] : []

    content {
      http_header {
        http_header_name = nonsensitive(var.origin_header.name)
        values           = var.origin_header.values
      }
    }
  }

  tags = merge(var.tags, { Name = "requests" })
}

resource "aws_wafv2_web_acl_association" "this" {
  count = var.internal ? 0 : 1

  resource_arn = aws_lb.this.arn
  web_acl_arn  = var.web_acl_arn

  lifecycle {
    precondition {
      condition     = var.web_acl_arn != null
      error_message = "A load balancer on the internet needs a firewall: give web_acl_arn (module web-firewall)."
    }
  }
}
