# Ways to AWS that do not cross the internet: no NAT charge, and a fence more. The policies let this account's principals
# through and nobody else's: stolen keys of another account cannot carry data out by these doors.

locals {
  # Each service's endpoint passes only what somebody here does. Not listed: whatever the account's roles may do there;
  # the actions are the roles' business, whose roles they are is the endpoint's.
  actions = {
    sqs            = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:SendMessage"]
    sns            = ["sns:GetTopicAttributes", "sns:Publish"]
    kms            = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    secretsmanager = ["secretsmanager:DescribeSecret", "secretsmanager:GetRandomPassword", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
    sts            = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:GetCallerIdentity", "sts:TagSession"]
    logs           = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents", "logs:PutRetentionPolicy"]
  }

  # Web identity tokens are exchanged before there is a principal; nodes ask for Amazon's own images.
  before_principal = ["sts:AssumeRoleWithWebIdentity"]

  policies = {
    for service, actions in local.actions : service => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [{
          Sid       = "OwnPrincipals"
          Effect    = "Allow"
          Principal = { AWS = "*" }
          Action    = setsubtract(actions, local.before_principal)
          Resource  = service == "sts" ? ["arn:aws:iam::${var.account_id}:role/*"] : ["arn:aws:${service}:${var.region}:${var.account_id}:*"]
          Condition = { StringEquals = { "aws:PrincipalAccount" = var.account_id } }
        }],
        service == "sts" ? [{
          Sid       = "ServiceAccounts"
          Effect    = "Allow"
          Principal = { AWS = "*" }
          Action    = local.before_principal
          Resource  = ["arn:aws:iam::${var.account_id}:role/*"]
        }] : [],
      )
    })
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
  policy              = lookup(local.policies, each.key, null)

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
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
        # Layers of images and the nodes' own packages lie in Amazon's buckets and are fetched by signed or public addresses.
        Sid       = "AmazonsOwn"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = ["s3:GetObject"]
        Resource  = ["arn:aws:s3:::prod-${var.region}-starport-layer-bucket/*", "arn:aws:s3:::al2023-repos-${var.region}-de612dc2/*"]
      },
    ]
  })

  tags = merge(var.tags, { Name = "${var.name}-s3" })
}
