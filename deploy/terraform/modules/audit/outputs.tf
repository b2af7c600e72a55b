output "bucket_names" {
  description = "Where CloudTrail (trail) and AWS Config of every region (config) write"
  value       = { for writer, bucket in aws_s3_bucket.this : writer => bucket.bucket }
}

output "trail_arn" {
  description = "ARN of the trail"
  value       = aws_cloudtrail.this.arn
}

output "aggregator_arn" {
  description = "ARN of the view over all regions"
  value       = aws_config_configuration_aggregator.this.arn
}
