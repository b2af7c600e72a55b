# The domain's hosted zone: signed, with a log of what is asked, and with a word on mails that pretend to come from it. All of
# it lives in us-east-1.

resource "aws_route53_zone" "this" {
  name    = var.domain
  comment = "Meridian's public names."

  tags = var.tags
}

# DMARC (RFC 7489): the large mailbox providers take mails of a domain that has this record. Ours carry its signature in every
# region (module mail-identity); what does not is not ours.
resource "aws_route53_record" "dmarc" {
  zone_id = aws_route53_zone.this.zone_id
  name    = "_dmarc.${var.domain}"
  type    = "TXT"
  ttl     = 3600
  records = ["v=DMARC1; p=quarantine; adkim=s"]
}

resource "aws_cloudwatch_log_group" "queries" {
  name              = "/aws/route53/${var.domain}"
  retention_in_days = 30

  tags = var.tags
}

resource "aws_cloudwatch_log_resource_policy" "queries" {
  policy_name = "${var.name}-route53"

  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "route53.amazonaws.com" }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "arn:aws:logs:us-east-1:${var.account_id}:log-group:/aws/route53/*"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_route53_query_log" "this" {
  zone_id                  = aws_route53_zone.this.zone_id
  cloudwatch_log_group_arn = aws_cloudwatch_log_group.queries.arn

  depends_on = [aws_cloudwatch_log_resource_policy.queries]
}

# DNSSEC: nobody else's answer passes for ours. Takes effect when the parent zone has the DS record (output ds_record).
resource "aws_kms_key" "signing" {
  description              = "DNSSEC of ${var.domain}"
  customer_master_key_spec = "ECC_NIST_P256" # what Route 53 asks for; such keys do not rotate
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # In a key's policy the resource * is this key.
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
        Resource  = "*"
        Action = [
          "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:CreateGrant", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
          "kms:EnableKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:GetPublicKey", "kms:ListKeyPolicies",
          "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:Sign", "kms:TagResource",
          "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription", "kms:Verify",
        ]
      },
      {
        Sid       = "Route53"
        Effect    = "Allow"
        Principal = { Service = "dnssec-route53.amazonaws.com" }
        Resource  = "*"
        Action    = ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"]
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id }, ArnLike = { "aws:SourceArn" = "arn:aws:route53:::hostedzone/*" } }
      },
      {
        Sid       = "Route53Grants"
        Effect    = "Allow"
        Principal = { Service = "dnssec-route53.amazonaws.com" }
        Resource  = "*"
        Action    = ["kms:CreateGrant"]
        Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
      },
    ]
  })

  tags = var.tags
}

resource "aws_route53_key_signing_key" "this" {
  hosted_zone_id             = aws_route53_zone.this.zone_id
  key_management_service_arn = aws_kms_key.signing.arn
  name                       = "meridian"
}

resource "aws_route53_hosted_zone_dnssec" "this" {
  hosted_zone_id = aws_route53_key_signing_key.this.hosted_zone_id
}
