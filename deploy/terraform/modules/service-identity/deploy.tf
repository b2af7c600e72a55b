# Taken from the pipeline's account to deploy into this cluster: it finds the cluster; what it may do inside is the
# cluster's access entry.

resource "aws_iam_role" "deploy" {
  name                 = "${var.name}-deploy"
  description          = "Deploys to ${var.cluster.name} from account ${var.deployer.account_id}"
  max_session_duration = 3600
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${var.deployer.account_id}:root" }
      Action    = ["sts:AssumeRole"]
      Condition = merge(
        { StringEquals = { "sts:ExternalId" = var.deployer.external_id } },
        { for operator, wanted in { ArnEquals = { "aws:PrincipalArn" = var.deployer.role_arn } } : operator => wanted if var.deployer.role_arn != null },
      )
    }]
  })
}

resource "aws_iam_role_policy" "deploy" {
  name = "finds-the-cluster"
  role = aws_iam_role.deploy.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "FindsTheCluster"
      Effect   = "Allow"
      Action   = ["eks:DescribeCluster"]
      Resource = local.cluster_arn
    }]
  })
}
