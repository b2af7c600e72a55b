output "role_arns" {
  description = "The roles by step: plan, apply, deploy."
  value       = { for step, role in aws_iam_role.this : step => role.arn }
}
