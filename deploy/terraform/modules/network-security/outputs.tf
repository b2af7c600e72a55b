output "security_group_ids" {
  description = "Security groups by component."
  value       = { for component, group in aws_security_group.this : component => group.id }
}
