# Cloud Map: names of the services for what runs outside the cluster (functions, jobs, other VPCs). Inside, Istio knows
# better. external-dns registers the pods' addresses.

resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = var.namespace
  description = "Meridian's services in this region."
  vpc         = var.vpc_id

  tags = var.tags
}

resource "aws_service_discovery_service" "this" {
  for_each = var.services

  name        = each.key
  description = "The service ${each.key}."

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = var.ttl_seconds
    }
  }

  # Whoever registers an address also says when it is ill; Cloud Map cannot probe private ones.
  health_check_custom_config {
    failure_threshold = 1
  }

  tags = var.tags
}
