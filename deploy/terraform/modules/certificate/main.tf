# A certificate that proves itself by DNS and renews itself for ever. It is used only once it is issued.

locals {
  proven_here = setsubtract(concat([var.domain_name], tolist(var.alternative_names)), var.proven_elsewhere)
}

resource "aws_acm_certificate" "this" {
  domain_name               = var.domain_name
  subject_alternative_names = var.alternative_names
  validation_method         = "DNS"
  key_algorithm             = "EC_prime256v1"

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  for_each = local.proven_here

  zone_id = var.hosted_zone_id
  name    = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type    = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records = [one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_value if option.domain_name == each.key])]
  ttl     = 300

  # ACM gives a name the same proof again when its certificate is replaced.
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn = aws_acm_certificate.this.arn

  depends_on = [aws_route53_record.proof]
}
