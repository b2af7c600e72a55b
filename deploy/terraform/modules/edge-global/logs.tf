# Access logs go to CloudWatch, where the other logs are, and where masking applies.

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

  tags = var.tags
}
