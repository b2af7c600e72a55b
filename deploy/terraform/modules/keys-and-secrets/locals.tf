locals {
  own_secrets = {
    settings = "environment variables with secrets, a JSON object by their names"
    migrator = "the address of the database as the role that migrates"
    identity = "the private key it signs its calls with (key.json)"
  }
  shared_secrets = {
    trust-bundle          = "The public keys of all services (trust-bundle.json)."
    "gateway/certificate" = "What the gateway shows to the load balancer: certificate and key, from python -m libs.security certificate."
    database-bootstrap    = "ADMIN_DATABASE_URL and the passwords of all roles, for python -m libs.database bootstrap."
  }
  secrets = merge(
    { for name, description in local.shared_secrets : "${var.secret_prefix}/${name}" => description },
    merge([
      for service in var.services : {
        for kind, description in local.own_secrets : "${var.secret_prefix}/${service}/${kind}" => "${service}: ${description}."
      }
    ]...),
  )

  # In a key's policy the resource `*` is the key itself, which has no other name before it exists. Actions are listed:
  # the account's own policies decide who has them, and nobody may hand the key to another account.
  administration = [
    "kms:CancelKeyDeletion", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey", "kms:EnableKeyRotation",
    "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListKeyRotations", "kms:ListResourceTags", "kms:PutKeyPolicy",
    "kms:ReplicateKey", "kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
    "kms:UpdateKeyDescription", "kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias", "kms:SynchronizeMultiRegionKey",
  ]
  use = [
    "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:CreateGrant", "kms:ListGrants", "kms:RetireGrant", "kms:RevokeGrant",
  ]

  # AWS services name the account they act for, but CloudWatch Logs, which names the log group, and AWS Backup, which
  # names nothing: of it is known which topic it tells.
  what_is_encrypted = tomap({
    logs                   = tomap({ "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:${var.region}:${var.account_id}:log-group:*" })
    "backup.amazonaws.com" = tomap({ "kms:EncryptionContext:aws:sns:topicArn" = "arn:aws:sns:${var.region}:${var.account_id}:*" })
  })

  key_policies = {
    for purpose, key in var.keys : purpose => {
      Version = "2012-10-17"
      Statement = concat(
        [
          {
            Sid       = "AdministeredByTheAccount"
            Effect    = "Allow"
            Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
            Action    = local.administration
            Resource  = "*"
          },
          {
            Sid       = "UsedByTheAccount"
            Effect    = "Allow"
            Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
            Action    = local.use
            Resource  = "*"
          },
        ],
        [
          for service in key.services : {
            Sid       = "UsedBy${replace(title(replace(split(".amazonaws", service)[0], "/[.-]/", " ")), " ", "")}"
            Effect    = "Allow"
            Principal = { Service = service == "logs" ? "logs.${var.region}.amazonaws.com" : service }
            Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
            Resource  = "*"
            Condition = {
              for operator, wanted in {
                ArnLike      = lookup(local.what_is_encrypted, service, {})
                StringEquals = { "aws:SourceAccount" = var.account_id }
              } : operator => wanted if(operator == "ArnLike") == contains(keys(local.what_is_encrypted), service)
            }
          }
        ],
      )
    }
  }
}
