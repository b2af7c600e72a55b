# The domain mails come from, as SES of one region knows it: proven and signed (Easy DKIM, RFC 6376) by three records in the
# domain's zone. Each region has records of its own. Taking the account out of SES's sandbox is asked for by a person.

resource "aws_sesv2_email_identity" "this" {
  email_identity = var.domain

  configuration_set_name = aws_sesv2_configuration_set.this.configuration_set_name # also of who sends without naming one

  dkim_signing_attributes {
    next_signing_key_length = "RSA_2048_BIT"
  }

  tags = var.tags
}

resource "aws_route53_record" "dkim" {
  count = 3 # as many tokens as SES gives a domain; which, is known after the identity is there

  zone_id = var.hosted_zone_id
  name    = "${aws_sesv2_email_identity.this.dkim_signing_attributes[0].tokens[count.index]}._domainkey.${var.domain}"
  type    = "CNAME"
  ttl     = 1800
  records = ["${aws_sesv2_email_identity.this.dkim_signing_attributes[0].tokens[count.index]}.dkim.amazonses.com"]
}

# How mails go out: to servers that speak TLS alone; not to addresses that bounced or complained, for mailbox providers judge the
# whole domain by those; and counted, so that an alarm tells before SES stops the account (stack operations).
resource "aws_sesv2_configuration_set" "this" {
  configuration_set_name = var.name

  delivery_options {
    tls_policy = "REQUIRE"
  }

  reputation_options {
    reputation_metrics_enabled = true
  }

  sending_options {
    sending_enabled = true
  }

  suppression_options {
    suppressed_reasons = ["BOUNCE", "COMPLAINT"]
  }

  tags = var.tags
}
