# TLS only, everywhere; and the AWS services that deliver to a bucket or read from it, for this account alone.

locals {
  bucket_arns = { for purpose, name in local.names : purpose => "arn:aws:s3:::${name}" }
  for_account = { StringEquals = { "aws:SourceAccount" = var.account_id } }

  statements = {
    for purpose, arn in local.bucket_arns : purpose => {
      none = []
      cloudfront = [{
        Sid       = "ReadByCloudFront"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = "${arn}/*"
        Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:cloudfront::${var.account_id}:distribution/*" } }
      }]
      logs = [
        {
          Sid       = "LogsAreDelivered"
          Effect    = "Allow"
          Principal = { Service = ["delivery.logs.amazonaws.com", "cloudtrail.amazonaws.com", "config.amazonaws.com"] }
          Action    = "s3:PutObject"
          Resource  = "${arn}/*"
          Condition = local.for_account
        },
        {
          Sid       = "DeliveryLooksFirst"
          Effect    = "Allow"
          Principal = { Service = ["delivery.logs.amazonaws.com", "cloudtrail.amazonaws.com", "config.amazonaws.com"] }
          Action    = ["s3:GetBucketAcl", "s3:ListBucket"]
          Resource  = arn
          Condition = local.for_account
        },
      ]
      access-logs = [
        {
          Sid       = "AccessIsLogged"
          Effect    = "Allow"
          Principal = { Service = ["logging.s3.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"] }
          Action    = "s3:PutObject"
          Resource  = "${arn}/*"
          Condition = local.for_account
        },
      ]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "TlsOnly"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = [local.bucket_arns[each.key], "${local.bucket_arns[each.key]}/*"]
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
        {
          Sid       = "ModernTlsOnly"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = [local.bucket_arns[each.key], "${local.bucket_arns[each.key]}/*"]
          Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
        },
      ],
      local.statements[each.key][each.key == "access-logs" ? "access-logs" : each.value.access],
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
