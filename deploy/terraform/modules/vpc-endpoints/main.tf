# Ways to AWS that do not cross the internet: no NAT charge, and a fence more. The policies let this account's principals
# through and nobody else's: stolen keys of another account cannot carry data out by these doors.

locals {
  # What is used by pods and functions, action by action. At the other endpoints an account's principals may do what
  # their own roles let them.
  actions = {
    sqs            = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:SendMessage"]
    sns            = ["sns:GetTopicAttributes", "sns:Publish"]
    kms            = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    secretsmanager = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
    sts            = ["sts:AssumeRole", "sts:TagSession"]
    appconfigdata  = ["appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"]
    logs           = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents", "logs:PutRetentionPolicy"]
  }
  # These know no resource.
  anywhere = { sts = ["sts:GetCallerIdentity"], secretsmanager = ["secretsmanager:GetRandomPassword"] }
  # Web identity tokens are exchanged before there is a principal.
  before_principal = { sts = ["sts:AssumeRoleWithWebIdentity"] }

  resources = merge(
    { for service in keys(local.actions) : service => ["arn:aws:${service}:${var.region}:${var.account_id}:*"] },
    { sts = ["arn:aws:iam::${var.account_id}:role/*"], appconfigdata = ["arn:aws:appconfig:${var.region}:${var.account_id}:*"] },
  )
  own = { StringEquals = { "aws:PrincipalAccount" = var.account_id } }

  statements = {
    for service in var.interface_services : service => concat(
      [{
        Sid       = "OwnPrincipals"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = lookup(local.actions, service, ["*"])
        Resource  = lookup(local.resources, service, ["*"])
        Condition = local.own
      }],
      [for actions in [lookup(local.anywhere, service, [])] : {
        Sid       = "OwnPrincipalsAnywhere"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = actions
        Resource  = ["*"]
        Condition = local.own
      } if length(actions) > 0],
    )
  }
  service_accounts = {
    for service, actions in local.before_principal : service => [{
      Sid       = "ServiceAccounts"
      Effect    = "Allow"
      Principal = { AWS = "*" }
      Action    = actions
      Resource  = local.resources[service]
    }]
  }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_services

  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [var.security_group_id]
  private_dns_enabled = true
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.statements[each.key], lookup(local.service_accounts, each.key, []))
  })

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

# ECR's layers (the shop's images, EKS add-ons), the nodes' packages, and the controllers whose registries keep their layers
# in S3: registry.k8s.io in a bucket of each region, Docker Hub in one of us-east-1. quay.io, ghcr.io and public.ecr.aws
# serve theirs from networks of their own, past this endpoint, through NAT.
locals {
  image_buckets = [
    "prod-${var.region}-starport-layer-bucket",
    "al2023-repos-${var.region}-de612dc2",
    "prod-registry-k8s-io-${var.region}",
    "docker-images-prod",
  ]
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = var.vpc_id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.route_table_ids

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OwnPrincipals"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListMultipartUploadParts", "s3:PutObject"]
        Resource  = ["arn:aws:s3:::meridian-*", "arn:aws:s3:::meridian-*/*"]
        Condition = { StringEquals = { "aws:PrincipalAccount" = var.account_id, "aws:ResourceAccount" = var.account_id } }
      },
      {
        # Layers of images and the nodes' own packages lie in other people's buckets and are fetched by signed or public
        # addresses: they can be read here, and nothing be written.
        Sid       = "PublicImages"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = ["s3:GetObject"]
        Resource  = [for bucket in local.image_buckets : "arn:aws:s3:::${bucket}/*"]
      },
    ]
  })

  tags = merge(var.tags, { Name = "${var.name}-s3" })
}
