# A second copy in the copy region, within 15 minutes or there is an alarm's metric; deletions are not carried over.

locals {
  replicated  = length(var.replicate_to) > 0 ? { this = true } : {}
  source_keys = distinct([for purpose in keys(var.replicate_to) : var.kms_key_arns[var.buckets[purpose].key]])
  target_keys = distinct([for target in values(var.replicate_to) : target.kms_key_arn])
}

resource "aws_iam_role" "replication" {
  for_each = local.replicated

  name = "${var.name}-${var.region}-s3-replication"
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = local.for_account
    }]
  })

  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "replication" {
  for_each = local.replicated

  name = "replicate"
  role = aws_iam_role.replication[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadConfiguration"
        Effect   = "Allow"
        Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
        Resource = [for purpose in keys(var.replicate_to) : local.bucket_arns[purpose]]
      },
      {
        Sid      = "ReadObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
        Resource = [for purpose in keys(var.replicate_to) : "${local.bucket_arns[purpose]}/*"]
      },
      {
        Sid      = "WriteCopies"
        Effect   = "Allow"
        Action   = ["s3:ReplicateObject", "s3:ReplicateTags"]
        Resource = [for target in values(var.replicate_to) : "${target.arn}/*"]
      },
      {
        Sid       = "Decrypt"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = local.source_keys
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      },
      {
        Sid      = "EncryptCopies"
        Effect   = "Allow"
        Action   = ["kms:Encrypt", "kms:GenerateDataKey"]
        Resource = local.target_keys
      },
    ]
  })
}

resource "aws_s3_bucket_replication_configuration" "this" {
  for_each = var.replicate_to

  bucket = aws_s3_bucket.this[each.key].id
  role   = aws_iam_role.replication["this"].arn

  rule {
    id     = "copy"
    status = "Enabled"

    filter {}

    delete_marker_replication {
      status = "Disabled"
    }

    source_selection_criteria {
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }

    destination {
      bucket        = each.value.arn
      storage_class = "STANDARD_IA"

      encryption_configuration {
        replica_kms_key_id = each.value.kms_key_arn
      }

      metrics {
        status = "Enabled"

        event_threshold {
          minutes = 15
        }
      }

      replication_time {
        status = "Enabled"

        time {
          minutes = 15
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
