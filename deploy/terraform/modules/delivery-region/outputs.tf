output "store" {
  description = "Where the pipeline hands things from step to step in this region, and the key they lie under."
  value       = { bucket = aws_s3_bucket.this.bucket, key_arn = var.keys.storage }
}

output "deploy_project" {
  description = "Name of the build that installs the charts."
  value       = aws_codebuild_project.this.name
}
