output "key_arns" {
  description = "ARN by purpose."
  value       = { for purpose, key in aws_kms_key.this : purpose => key.arn }
}

output "secret_arns" {
  description = "ARN by service and kind (settings, migrator, identity)."
  value = {
    for service in var.services : service => {
      for kind in keys(local.own_secrets) : kind => aws_secretsmanager_secret.this["${var.secret_prefix}/${service}/${kind}"].arn
    }
  }
}

output "shared_secret_arns" {
  description = "ARN of trust-bundle, database-bootstrap and gateway/certificate."
  value       = { for name in keys(local.shared_secrets) : name => aws_secretsmanager_secret.this["${var.secret_prefix}/${name}"].arn }
}

output "key_policies" {
  description = "Policy by purpose, for the keys' replicas."
  value       = { for purpose, policy in local.key_policies : purpose => jsonencode(policy) }
}
