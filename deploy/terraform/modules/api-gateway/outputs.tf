output "domains" {
  description = "By name, where its alias record leads."
  value       = { for name, domain in aws_api_gateway_domain_name.this : name => { dns_name = domain.regional_domain_name, zone_id = domain.regional_zone_id } }
}
