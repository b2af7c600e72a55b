# What is in the database, readable without one: once a week Aurora writes its tables as Parquet files into the bucket of
# backups, from a clone, so no reader waits. AWS Backup's recovery points bring a database back (modules/backup); these files
# answer when there is none to bring back to: another engine, another cloud, a question about last year.

locals {
  bucket_arn = "arn:aws:s3:::${var.bucket.name}"
  trusted = {
    scheduler = "scheduler.amazonaws.com"
    export    = "export.rds.amazonaws.com"
  }
}

resource "aws_scheduler_schedule_group" "this" {
  name = "${var.name}-exports"
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  name                = "${var.name}-export"
  description         = "Tables of ${var.name} as files"
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = var.schedule
  kms_key_arn         = var.bucket.key_arn

  flexible_time_window {
    mode = "OFF"
  }

  # The call itself is the target. The scheduler writes its own id of each attempt into the task's, which must be new.
  target {
    arn      = "arn:aws:scheduler:::aws-sdk:rds:startExportTask"
    role_arn = aws_iam_role.this["scheduler"].arn
    input = jsonencode({
      ExportTaskIdentifier = "export-<aws.scheduler.execution-id>"
      SourceArn            = var.cluster_arn
      S3BucketName         = var.bucket.name
      S3Prefix             = "exports"
      IamRoleArn           = aws_iam_role.this["export"].arn
      KmsKeyId             = var.bucket.key_arn
    })

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 5
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_iam_role" "this" {
  for_each = local.trusted

  name                 = "${var.name}-database-${each.key}"
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = each.value }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.trusted

  name = "export"
  role = aws_iam_role.this[each.key].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements[each.key]
  })
}

locals {
  statements = {
    scheduler = [
      { Sid = "BeginsTheExport", Effect = "Allow", Action = ["rds:StartExportTask"], Resource = [var.cluster_arn] },
      {
        Sid       = "HandsOverTheRoleThatWrites"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = ["arn:aws:iam::${var.account_id}:role/${var.name}-database-export"]
        Condition = { StringEquals = { "iam:PassedToService" = local.trusted.export } }
      },
      {
        # RDS uses the key after the call is over, by a grant of whoever called.
        Sid    = "LendsTheKeys"
        Effect = "Allow"
        Action = [
          "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
          "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:RetireGrant",
        ]
        Resource = [var.bucket.key_arn, var.database_key_arn]
      },
    ]
    export = [
      {
        Sid      = "WritesTheFiles"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging"]
        Resource = ["${local.bucket_arn}/*"]
      },
      { Sid = "LooksIntoTheBucket", Effect = "Allow", Action = ["s3:GetBucketLocation", "s3:ListBucket"], Resource = [local.bucket_arn] },
    ]
  }
}
