output "key_arns" {
  description = "ARN of the replica by purpose."
  value       = { for purpose, key in aws_kms_replica_key.this : purpose => key.arn }
}
