output "role_arns" {
  description = "ARN of each service's role."
  value       = { for service in local.services : service => aws_iam_role.this[service].arn }
}

output "external_secrets_role_arn" {
  description = "ARN of the role of External Secrets."
  value       = aws_iam_role.this["external-secrets"].arn
}
