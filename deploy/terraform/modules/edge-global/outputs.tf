output "distribution" {
  description = "CloudFront's distribution: its id, ARN and own name."
  value = {
    id          = aws_cloudfront_distribution.this.id
    arn         = aws_cloudfront_distribution.this.arn
    domain_name = aws_cloudfront_distribution.this.domain_name
  }
}

output "origin_name" {
  description = "The name CloudFront asks the API by: the regions' certificates carry it."
  value       = local.origin_name
}

output "health_check_ids" {
  description = "Health checks by region, and `any`: whether one region at least is well."
  value       = merge({ for region, check in aws_route53_health_check.region : region => check.id }, { any = aws_route53_health_check.any.id })
}
