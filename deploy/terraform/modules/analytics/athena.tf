# The table over the events and where answers go. Partition projection: Athena computes region and day from the query, so
# there is no crawler to run, to pay or to wait for, and no partition can be missing.

resource "aws_glue_catalog_database" "this" {
  name        = replace(var.name, "-", "_")
  description = "What the shop told"
}

resource "aws_glue_catalog_table" "events" {
  name          = "events"
  description   = "CloudEvents of every topic, by the region and the day they happened (docs/events.md)"
  database_name = aws_glue_catalog_database.this.name
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    "classification"               = "json"
    "compressionType"              = "gzip"
    "projection.enabled"           = "true"
    "projection.region.type"       = "enum"
    "projection.region.values"     = join(",", var.regions)
    "projection.day.type"          = "date"
    "projection.day.format"        = "yyyy-MM-dd"
    "projection.day.range"         = "${var.first_day},NOW+1DAYS"
    "projection.day.interval"      = "1"
    "projection.day.interval.unit" = "DAYS"
    "storage.location.template"    = "s3://${replace(var.warehouse.name, var.region, "$${region}")}/events/region=$${region}/day=$${day}/"
  }

  partition_keys {
    name    = "region"
    type    = "string"
    comment = "where it happened"
  }
  partition_keys {
    name    = "day"
    type    = "string"
    comment = "when it was delivered, UTC"
  }

  storage_descriptor {
    location      = "s3://${var.warehouse.name}/events/"
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

locals {
  columns = [
    { name = "id", type = "string", comment = "of the message; a repeated one is the same message" },
    { name = "source", type = "string", comment = "the service" },
    { name = "type", type = "string", comment = "order.placed.v1" },
    { name = "subject", type = "string", comment = "id of the aggregate" },
    { name = "time", type = "string", comment = "ISO 8601, UTC" },
    { name = "aggregateversion", type = "bigint", comment = "counts the changes of the subject" },
    { name = "originregion", type = "string", comment = "where it happened" },
    { name = "correlationid", type = "string", comment = "the request that began it" },
    { name = "causationid", type = "string", comment = "the message that led to it" },
    {
      name    = "data"
      comment = "what every query here reads of the message; docs/schemas has all of it"
      type    = "struct<order_id:string,user_id:string,payment_id:string,reason:string,total:struct<amount_minor:bigint,currency:string>,amount:struct<amount_minor:bigint,currency:string>,sku:string,available:bigint>"
    },
  ]
}

resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "Questions to the events"
  force_destroy = true
  tags          = merge(var.tags, { purpose = "analytics" })

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.most_gigabytes_per_query * 1073741824

    result_configuration {
      output_location = "s3://${var.warehouse.name}/answers/"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.warehouse.key_arn
      }
    }
  }
}

resource "aws_athena_named_query" "this" {
  for_each = fileset("${path.module}/queries", "*.sql")

  name        = trimsuffix(each.value, ".sql")
  description = trimprefix(split("\n", file("${path.module}/queries/${each.value}"))[0], "-- ")
  database    = aws_glue_catalog_database.this.name
  workgroup   = aws_athena_workgroup.this.id
  query       = file("${path.module}/queries/${each.value}")
}
