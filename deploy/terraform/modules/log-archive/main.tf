# Log lines after their time in CloudWatch: every line of the services goes, masked as CloudWatch masks it for readers, through
# Firehose into the region's bucket of logs, an hour to a folder, where it costs little, ages and is copied to another region.

locals {
  bucket_arn = "arn:aws:s3:::${var.bucket.name}"
  own_log    = "/meridian/${var.name}/log-archive"
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  name        = "${var.name}-logs"
  destination = "extended_s3"
  tags        = var.tags

  server_side_encryption {
    enabled  = true
    key_type = "CUSTOMER_MANAGED_CMK"
    key_arn  = var.bucket.key_arn
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.this["firehose"].arn
    bucket_arn          = local.bucket_arn
    prefix              = "application/!{timestamp:yyyy/MM/dd/HH}/"
    error_output_prefix = "failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/"
    compression_format  = "GZIP"
    buffering_size      = 64
    buffering_interval  = var.buffer_seconds
    kms_key_arn         = var.bucket.key_arn
    custom_time_zone    = "UTC"

    # CloudWatch sends packed envelopes of many lines; what is kept is the lines.
    processing_configuration {
      enabled = true
      processors {
        type = "Decompression"
        parameters {
          parameter_name  = "CompressionFormat"
          parameter_value = "GZIP"
        }
      }
      processors {
        type = "CloudWatchLogProcessing"
        parameters {
          parameter_name  = "DataMessageExtraction"
          parameter_value = "true"
        }
      }
    }

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.this.name
      log_stream_name = aws_cloudwatch_log_stream.this.name
    }
  }
}

resource "aws_cloudwatch_log_subscription_filter" "this" {
  for_each = var.log_groups

  name            = "${var.name}-archive"
  log_group_name  = each.value
  filter_pattern  = "" # every line
  destination_arn = aws_kinesis_firehose_delivery_stream.this.arn
  role_arn        = aws_iam_role.this["logs"].arn

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.own_log
  retention_in_days = 30
  kms_key_id        = var.logs_key_arn
  tags              = var.tags
}

resource "aws_cloudwatch_log_stream" "this" {
  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.this.name
}

resource "aws_iam_role" "this" {
  for_each = { logs = "CloudWatch Logs puts lines into the delivery stream", firehose = "Firehose writes lines into the bucket of logs" }

  name                 = "${var.name}-${var.region}-${each.key}-to-archive"
  permissions_boundary = var.permissions_boundary
  description          = each.value
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  tags                 = var.tags
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(["logs", "firehose"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = { logs = data.aws_iam_policy_document.logs.json, firehose = data.aws_iam_policy_document.firehose.json }

  name   = "write"
  role   = aws_iam_role.this[each.key].id
  policy = each.value
}

data "aws_iam_policy_document" "logs" {
  statement {
    actions   = ["firehose:PutRecord", "firehose:PutRecordBatch"]
    resources = [aws_kinesis_firehose_delivery_stream.this.arn]
  }
}

data "aws_iam_policy_document" "firehose" {
  statement {
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${local.bucket_arn}/application/*", "${local.bucket_arn}/failed/*"]
  }
  statement {
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.bucket_arn]
  }
  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.bucket.key_arn]
  }
  statement {
    actions   = ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:log-stream:${aws_cloudwatch_log_stream.this.name}"]
  }
}
