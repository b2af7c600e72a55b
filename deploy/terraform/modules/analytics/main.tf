# What the shop told, kept to be asked: every event goes from its topic through Firehose into the region's warehouse, day by
# day; Athena reads it where it lies, through a table whose partitions are computed, not crawled. Warehouses carry their region
# in their name, so a table can be told to read other regions' as well: the master's does. Each region's own works alone. What
# other regions tell (replicas.tf) lies beside it, so that it can be asked when they are gone.

locals {
  prefixes = {
    events   = "events/region=${var.region}/day=!{timestamp:yyyy-MM-dd}/"
    replicas = "replicas/day=!{timestamp:yyyy-MM-dd}/"
  }
  failed     = "failed/region=${var.region}/!{firehose:error-output-type}/day=!{timestamp:yyyy-MM-dd}/"
  log_group  = "/meridian/${var.name}/analytics"
  bucket_arn = "arn:aws:s3:::${var.warehouse.name}"
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  for_each = local.prefixes

  name        = "${var.name}-${each.key}"
  destination = "extended_s3"
  tags        = var.tags

  server_side_encryption {
    enabled  = true
    key_type = "CUSTOMER_MANAGED_CMK"
    key_arn  = var.warehouse.key_arn
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.firehose.arn
    bucket_arn          = local.bucket_arn
    prefix              = each.value
    error_output_prefix = local.failed
    compression_format  = "GZIP"
    buffering_size      = 64
    buffering_interval  = var.buffer_seconds
    kms_key_arn         = var.warehouse.key_arn
    custom_time_zone    = "UTC"

    processing_configuration {
      enabled = true
      processors {
        type = "AppendDelimiterToRecord"
        parameters {
          parameter_name  = "Delimiter"
          parameter_value = "\\n"
        }
      }
    }

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.this.name
      log_stream_name = aws_cloudwatch_log_stream.this[each.key].name
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = 30
  kms_key_id        = var.logs_key_arn
  tags              = var.tags
}

resource "aws_cloudwatch_log_stream" "this" {
  for_each = local.prefixes

  name           = each.key
  log_group_name = aws_cloudwatch_log_group.this.name
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.topic_arns

  topic_arn             = each.value
  protocol              = "firehose"
  endpoint              = aws_kinesis_firehose_delivery_stream.this["events"].arn
  subscription_role_arn = aws_iam_role.sns.arn
  raw_message_delivery  = true # the CloudEvent alone, one a line
  filter_policy_scope   = "MessageAttributes"
  filter_policy         = jsonencode({ originregion = [var.region] })
}

resource "aws_iam_role" "sns" {
  name               = "${var.name}-${var.region}-events-to-firehose"
  description        = "SNS puts events into the delivery stream"
  assume_role_policy = data.aws_iam_policy_document.trust["sns"].json
  tags               = var.tags

  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role" "firehose" {
  name               = "${var.name}-${var.region}-firehose-to-warehouse"
  description        = "Firehose writes events into the warehouse"
  assume_role_policy = data.aws_iam_policy_document.trust["firehose"].json
  tags               = var.tags

  permissions_boundary = var.permissions_boundary
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(["sns", "firehose", "pipes"])

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

resource "aws_iam_role_policy" "sns" {
  name   = "put"
  role   = aws_iam_role.sns.id
  policy = data.aws_iam_policy_document.sns.json
}

data "aws_iam_policy_document" "sns" {
  statement {
    actions   = ["firehose:PutRecord", "firehose:PutRecordBatch", "firehose:DescribeDeliveryStream"]
    resources = [aws_kinesis_firehose_delivery_stream.this["events"].arn]
  }
}

resource "aws_iam_role_policy" "firehose" {
  name   = "write"
  role   = aws_iam_role.firehose.id
  policy = data.aws_iam_policy_document.firehose.json
}

data "aws_iam_policy_document" "firehose" {
  statement {
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${local.bucket_arn}/events/*", "${local.bucket_arn}/replicas/*", "${local.bucket_arn}/failed/*"]
  }
  statement {
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.bucket_arn]
  }
  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.warehouse.key_arn]
  }
  statement {
    actions   = ["logs:PutLogEvents"]
    resources = [for stream in aws_cloudwatch_log_stream.this : "${aws_cloudwatch_log_group.this.arn}:log-stream:${stream.name}"]
  }
}
