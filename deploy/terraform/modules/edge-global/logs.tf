# Access logs go to CloudWatch, where the other logs are, and where masking applies. Queries, cookies and referrers stay out:
# people search for their own names, and logging in carries its request along in the query.

locals {
  logged_fields = [
    "date", "time", "x-edge-location", "c-ip", "cs-method", "cs(Host)", "x-host-header", "cs-uri-stem", "cs-protocol", "cs-protocol-version",
    "cs-bytes", "sc-bytes", "sc-status", "sc-content-type", "cs(User-Agent)", "ssl-protocol", "ssl-cipher", "time-taken", "time-to-first-byte",
    "x-edge-request-id", "x-edge-result-type", "x-edge-response-result-type", "x-edge-detailed-result-type"
  ]
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/meridian/cloudfront/${var.name}"
  retention_in_days = 90

  tags = var.tags
}

resource "aws_cloudwatch_log_delivery_source" "access" {
  name         = "${var.name}-cloudfront"
  log_type     = "ACCESS_LOGS"
  resource_arn = aws_cloudfront_distribution.this.arn

  tags = var.tags
}

resource "aws_cloudwatch_log_delivery_destination" "access" {
  name          = "${var.name}-cloudfront"
  output_format = "json"

  delivery_destination_configuration {
    destination_resource_arn = aws_cloudwatch_log_group.access.arn
  }

  tags = var.tags
}

resource "aws_cloudwatch_log_delivery" "access" {
  delivery_source_name     = aws_cloudwatch_log_delivery_source.access.name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.access.arn
  record_fields            = local.logged_fields

  tags = var.tags
}
