# Every other region's events, as they came over: a pipe takes them out of the queue that their topics deliver to (module
# messaging) and hands them to a delivery stream of their own. What the pipe cannot hand over stays in the queue, and after ten
# times is a dead letter with an alarm.

resource "aws_pipes_pipe" "replicas" {
  name        = "${var.name}-replicas"
  description = "Other regions' events, into this region's warehouse"
  role_arn    = aws_iam_role.pipe.arn
  source      = var.replicas.queue_arn
  target      = aws_kinesis_firehose_delivery_stream.this["replicas"].arn
  tags        = var.tags

  source_parameters {
    sqs_queue_parameters {
      batch_size                         = 100
      maximum_batching_window_in_seconds = 5 # well within the queue's visibility timeout
    }
  }

  target_parameters {
    input_template = "<$.body>" # the CloudEvent alone
  }

  depends_on = [aws_iam_role_policy.pipe]
}

# Called like a service's role, because the queue knows who reads it by that name.
resource "aws_iam_role" "pipe" {
  name                 = "${var.name}-${var.region}-warehouse"
  permissions_boundary = var.permissions_boundary
  description          = "The pipe takes other regions' events and puts them into the delivery stream"
  assume_role_policy   = data.aws_iam_policy_document.trust["pipes"].json
  tags                 = var.tags
}

resource "aws_iam_role_policy" "pipe" {
  name   = "carry"
  role   = aws_iam_role.pipe.id
  policy = data.aws_iam_policy_document.pipe.json
}

data "aws_iam_policy_document" "pipe" {
  statement {
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [var.replicas.queue_arn]
  }
  statement {
    actions   = ["kms:Decrypt"]
    resources = [var.replicas.queue_key_arn]
  }
  statement {
    actions   = ["firehose:PutRecord", "firehose:PutRecordBatch"]
    resources = [aws_kinesis_firehose_delivery_stream.this["replicas"].arn]
  }
}

resource "aws_glue_catalog_table" "replicas" {
  name          = "replicas"
  description   = "CloudEvents of every other region, by the day they arrived here; the column originregion says whose"
  database_name = aws_glue_catalog_database.this.name
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    "classification"               = "json"
    "compressionType"              = "gzip"
    "projection.enabled"           = "true"
    "projection.day.type"          = "date"
    "projection.day.format"        = "yyyy-MM-dd"
    "projection.day.range"         = "${var.first_day},NOW+1DAYS"
    "projection.day.interval"      = "1"
    "projection.day.interval.unit" = "DAYS"
    "storage.location.template"    = "s3://${var.warehouse.name}/replicas/day=$${day}/"
  }

  partition_keys {
    name    = "day"
    type    = "string"
    comment = "when it arrived, UTC"
  }

  storage_descriptor {
    location      = "s3://${var.warehouse.name}/replicas/"
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
    compressed    = true

    ser_de_info {
      name                  = "json"
      serialization_library = "org.openx.data.jsonserde.JsonSerDe"
      parameters            = { "ignore.malformed.json" = "false" }
    }

    dynamic "columns" {
      for_each = local.columns
      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}
