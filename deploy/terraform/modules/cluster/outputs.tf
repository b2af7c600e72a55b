output "name" {
  description = "The cluster's name."
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "Where the Kubernetes API answers."
  value       = aws_eks_cluster.this.endpoint
}

output "oidc" {
  description = "The identity provider for service accounts: its ARN, and the issuer without https://."
  value = {
    provider_arn = aws_iam_openid_connect_provider.this.arn
    issuer       = replace(aws_eks_cluster.this.identity[0].oidc[0].issuer, "/^https?:\\/\\//", "")
  }
}

output "node_role_arn" {
  description = "The nodes' role."
  value       = aws_iam_role.nodes.arn
}

output "controller_role_arns" {
  description = "Roles of the controllers, by name."
  value       = { for name, role in aws_iam_role.controller : name => role.arn }
}
