output "arn" {
  description = "ARN of the identity: what the sender's role names."
  value       = aws_sesv2_email_identity.this.arn
}
