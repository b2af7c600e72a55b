output "bucket_name" {
  description = "Where CloudTrail and AWS Config of every region write"
  value       = aws_s3_bucket.this.bucket
}

output "trail_arn" {
  description = "ARN of the trail"
  value       = aws_cloudtrail.this.arn
}

output "aggregator_arn" {
  description = "ARN of the view over all regions"
  value       = aws_config_configuration_aggregator.this.arn
}
