output "role_arns" {
  description = "ARN of each service's role."
  value       = { for service in local.services : service => aws_iam_role.this[service].arn }
}

output "role_names" {
  description = "Name of each service's role: the chart's aws.rolePrefix and the service."
  value       = { for service in local.services : service => aws_iam_role.this[service].name }
}

output "external_secrets_role_arn" {
  description = "ARN of the role of External Secrets."
  value       = aws_iam_role.this["external-secrets"].arn
}
