output "audit" {
  description = "Where CloudTrail and AWS Config of every region write."
  value = {
    bucket_names   = module.audit.bucket_names
    bucket_key_arn = var.data.kms_key_arns["storage"]
    trail_arn      = module.audit.trail_arn
    aggregator_arn = module.audit.aggregator_arn
  }
}
