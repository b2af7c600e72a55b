output "security_group_ids" {
  description = "Security groups by component."
  value       = { for component, group in aws_security_group.this : component => group.id }
}

output "network_acl_ids" {
  description = "Network ACLs by tier."
  value       = { for tier, acl in aws_network_acl.this : tier => acl.id }
}
