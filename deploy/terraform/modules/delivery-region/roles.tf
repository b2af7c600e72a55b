# The build may be in the subnets, read what it installs, write its log, and take the region's role for deploying.

resource "aws_iam_role" "this" {
  name        = "${local.project}-build"
  description = "The pipeline's build that installs the charts in ${var.region}"
  tags        = var.tags

  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "codebuild.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "build"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "TakesTheRoleForDeploying"
        Effect   = "Allow"
        Action   = ["sts:AssumeRole"]
        Resource = [local.deploy_role]
      },
      {
        Sid      = "ReadsWhatItInstalls"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = ["${local.buckets}/*"]
      },
      {
        Sid      = "UsesItsKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.keys.storage]
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:${var.region}:${var.account_id}:log-group:${local.log_group}:log-stream:*"]
      },
      {
        Sid      = "LooksForItsNetwork" # AWS offers no resource for these
        Effect   = "Allow"
        Resource = "*"
        Action = [
          "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
        ]
        Condition = { StringEquals = { "aws:RequestedRegion" = var.region } }
      },
      {
        Sid    = "IsInItsNetwork"
        Effect = "Allow"
        Action = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"]
        Resource = concat(
          ["${local.ec2}:network-interface/*", "${local.ec2}:security-group/*"],
          [for subnet in var.network.subnet_ids : "${local.ec2}:subnet/${subnet}"],
        )
      },
      {
        Sid      = "LendsItsInterfaceToCodeBuild"
        Effect   = "Allow"
        Action   = ["ec2:CreateNetworkInterfacePermission"]
        Resource = ["${local.ec2}:network-interface/*"]
        Condition = {
          StringEquals = { "ec2:AuthorizedService" = "codebuild.amazonaws.com" }
          ArnEquals    = { "ec2:Subnet" = [for subnet in var.network.subnet_ids : "${local.ec2}:subnet/${subnet}"] }
        }
      },
    ]
  })
}

locals {
  ec2 = "arn:aws:ec2:${var.region}:${var.account_id}"
}
