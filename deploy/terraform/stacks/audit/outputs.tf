output "audit" {
  description = "Where AWS Config of every region writes."
  value = {
    bucket_name    = module.audit.bucket_name
    bucket_key_arn = var.data.kms_key_arns["storage"]
    trail_arn      = module.audit.trail_arn
    aggregator_arn = module.audit.aggregator_arn
  }
}
