# Buckets of one region: static assets, logs, database backups, the data warehouse, and the log of who touched them.
# Called twice per region: for the copies (with the provider of the copy region), and for the buckets replicated to them.

locals {
  names = { for purpose in keys(local.buckets) : purpose => "${var.name}-${purpose}-${var.account_id}-${var.region}" }

  # S3 and load balancers deliver access logs only to a bucket with S3's own encryption.
  access_logs = { key = null, access = "none", infrequent_days = null, archive_days = null, expire_days = 400, noncurrent_expire_days = 30, noncurrent_archive_days = null }
  buckets     = merge(var.buckets, { access-logs = local.access_logs })
}

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  bucket = local.names[each.key]
  tags   = merge(var.tags, { purpose = each.key })
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = each.value.key != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.value.key == null ? "AES256" : "aws:kms"
      kms_master_key_id = each.value.key == null ? null : var.kms_key_arns[each.value.key]
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = var.buckets

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["access-logs"].id
  target_prefix = "s3/${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "age"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    dynamic "transition" {
      for_each = { for class, days in { STANDARD_IA = each.value.infrequent_days, GLACIER_IR = each.value.archive_days } : class => days if days != null }

      content {
        days          = transition.value
        storage_class = transition.key
      }
    }

    dynamic "expiration" {
      for_each = each.value.expire_days == null ? [] : [each.value.expire_days]

      content {
        days = expiration.value
      }
    }

    dynamic "noncurrent_version_transition" {
      for_each = each.value.noncurrent_archive_days == null ? [] : [each.value.noncurrent_archive_days]

      content {
        noncurrent_days = noncurrent_version_transition.value
        storage_class   = "GLACIER_IR"
      }
    }

    noncurrent_version_expiration {
      noncurrent_days = each.value.noncurrent_expire_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
