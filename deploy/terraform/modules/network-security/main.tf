# Stateful rules between components. Every edge of the picture is one row, once as egress of who asks and once as
# ingress of who answers, both by reference: an address says nothing about who has it.

locals {
  groups = {
    alb               = "The public load balancer: CloudFront reaches it, and nobody else"
    alb_health_checks = "The public load balancer: Route 53 asks whether the region is well"
    internal_alb      = "The internal load balancer behind API Gateway"
    vpc_link          = "API Gateway's link into the VPC"
    nodes             = "Nodes of the cluster and the pods on them"
    cluster           = "The cluster's control plane"
    database          = "PostgreSQL"
    cache             = "Redis"
    endpoints         = "Interface endpoints of AWS services"
    functions         = "Lambda functions inside the VPC"
  }

  # What the control plane calls on nodes: kubelet, metrics-server, and the webhooks of the load balancer controller,
  # External Secrets, Istio, KEDA, the Vertical Pod Autoscaler and cert-manager's kin. Not a range: a range hides services.
  webhook_ports = [443, 4443, 6443, 8000, 8443, 9443, 10250, 10251, 15017]

  edges = merge(
    {
      gateway             = { from = "alb", to = "nodes", port = var.ports.gateway, why = "The load balancer hands requests to the gateway" }
      gateway_status      = { from = "alb", to = "nodes", port = var.ports.gateway_status, why = "The load balancer asks the gateway whether it is ready" }
      vpc_link            = { from = "vpc_link", to = "internal_alb", port = 443, why = "API Gateway hands requests to the internal load balancer" }
      keys                = { from = "functions", to = "internal_alb", port = 443, why = "The function that checks tokens fetches auth's keys" }
      ingress             = { from = "internal_alb", to = "nodes", port = var.ports.ingress, why = "The internal load balancer hands requests to the mesh's gateway, and asks whether it is well" }
      cluster_api         = { from = "nodes", to = "cluster", port = 443, why = "Nodes and pods call the Kubernetes API" }
      database            = { from = "nodes", to = "database", port = var.ports.database, why = "Services use their schema" }
      cache               = { from = "nodes", to = "cache", port = var.ports.cache, why = "Services use sessions, limits and caches" }
      endpoints           = { from = "nodes", to = "endpoints", port = 443, why = "AWS is called without the internet" }
      endpoints_functions = { from = "functions", to = "endpoints", port = 443, why = "AWS is called without the internet" }
    },
    { for port in local.webhook_ports : "control_${port}" => { from = "cluster", to = "nodes", port = port, why = "The control plane calls kubelets and webhooks" } },
  )
}

resource "aws_security_group" "this" {
  for_each = local.groups

  name_prefix = "${var.name}-${replace(each.key, "_", "-")}-"
  description = each.value
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-${replace(each.key, "_", "-")}" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "edge" {
  for_each = local.edges

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.value.why

  tags = merge(var.tags, { Name = each.key })
}

resource "aws_vpc_security_group_egress_rule" "edge" {
  for_each = local.edges

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.value.why

  tags = merge(var.tags, { Name = each.key })
}

# Pods speak with pods on other nodes on any port; between them NetworkPolicies and the mesh decide.
resource "aws_vpc_security_group_ingress_rule" "pods" {
  security_group_id            = aws_security_group.this["nodes"].id
  referenced_security_group_id = aws_security_group.this["nodes"].id
  ip_protocol                  = "-1"
  description                  = "Pods speak with pods"

  tags = merge(var.tags, { Name = "pods" })
}

resource "aws_vpc_security_group_egress_rule" "pods" {
  security_group_id            = aws_security_group.this["nodes"].id
  referenced_security_group_id = aws_security_group.this["nodes"].id
  ip_protocol                  = "-1"
  description                  = "Pods speak with pods"

  tags = merge(var.tags, { Name = "pods" })
}

# The payment provider, other regions and AWS services without an endpoint, all of them by TLS and through NAT. S3's
# gateway endpoint has public addresses too: the route keeps those inside.
resource "aws_vpc_security_group_egress_rule" "internet" {
  for_each = toset(["nodes", "functions"])

  security_group_id = aws_security_group.this[each.key].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "TLS to the payment provider and AWS"

  tags = merge(var.tags, { Name = "internet" })
}

# The one opening to the outside. CloudFront's list counts as 55 rules of the quota of 60, Route 53's as 25, so its health
# checkers have a group of their own.
resource "aws_vpc_security_group_ingress_rule" "cloudfront" {
  security_group_id = aws_security_group.this["alb"].id
  prefix_list_id    = var.prefix_list_ids.cloudfront
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "HTTPS at the edge"

  tags = merge(var.tags, { Name = "edge" })
}

resource "aws_vpc_security_group_ingress_rule" "health_checkers" {
  security_group_id = aws_security_group.this["alb_health_checks"].id
  prefix_list_id    = var.prefix_list_ids.health_checkers
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "Route 53 asks for the region's health"

  tags = merge(var.tags, { Name = "health-checkers" })
}
