output "arn" {
  description = "The issued certificate."
  value       = aws_acm_certificate_validation.this.certificate_arn
}
