output "namespace_arn" {
  description = "The namespace."
  value       = aws_service_discovery_private_dns_namespace.this.arn
}

output "namespace_id" {
  description = "The namespace's id."
  value       = aws_service_discovery_private_dns_namespace.this.id
}

output "hosted_zone_id" {
  description = "The private hosted zone behind the namespace."
  value       = aws_service_discovery_private_dns_namespace.this.hosted_zone
}

output "service_arns" {
  description = "Cloud Map's services by name."
  value       = { for name, service in aws_service_discovery_service.this : name => service.arn }
}
