output "namespace_arn" {
  description = "The namespace."
  value       = aws_service_discovery_private_dns_namespace.this.arn
}
