output "buckets" {
  description = "Name, ARN and regional domain name by purpose; access-logs is for load balancers and S3 itself."
  value = {
    for purpose, bucket in aws_s3_bucket.this : purpose => {
      name        = local.names[purpose]
      arn         = local.bucket_arns[purpose]
      domain_name = "${local.names[purpose]}.s3.${var.region}.amazonaws.com"
    }
  }

  depends_on = [aws_s3_bucket.this, aws_s3_bucket_versioning.this, aws_s3_bucket_policy.this]
}
