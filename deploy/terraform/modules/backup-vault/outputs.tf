output "arn" {
  description = "ARN of the vault."
  value       = "arn:aws:backup:${var.region}:${var.account_id}:backup-vault:${aws_backup_vault.this.name}"
}

output "name" {
  description = "Name of the vault."
  value       = aws_backup_vault.this.name
}
