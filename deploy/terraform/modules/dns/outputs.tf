output "zone_id" {
  description = "The hosted zone."
  value       = aws_route53_zone.this.zone_id
}

output "name_servers" {
  description = "Give these to whoever the domain is registered with."
  value       = aws_route53_zone.this.name_servers
}

output "ds_record" {
  description = "Give this to the parent zone to switch DNSSEC on."
  value       = aws_route53_key_signing_key.this.ds_record
}
