output "tag" {
  description = "What carries this tag is saved."
  value       = { (local.tag.key) = local.tag.value }
}

output "plan_arn" {
  description = "ARN of the plan."
  value       = aws_backup_plan.this.arn
}
