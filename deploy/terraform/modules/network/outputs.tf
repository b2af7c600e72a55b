output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "vpc_cidr" {
  description = "The VPC's addresses."
  value       = var.cidr
}

output "subnet_ids" {
  description = "Subnets by tier (public, app, data), in the order of the zones."
  value       = local.subnet_ids
}

output "subnet_cidrs" {
  description = "Addresses of the subnets by tier, in the order of the zones."
  value = {
    for tier in keys(var.subnets) : tier => [for az in var.azs : local.subnets["${tier}-${az}"].cidr]
  }
}

output "route_table_ids" {
  description = "Route tables by tier; app and data have one per zone."
  value = {
    public = aws_route_table.public.id
    app    = [for az in var.azs : aws_route_table.app[az].id]
    data   = [for az in var.azs : aws_route_table.data[az].id]
  }
}

output "nat_addresses" {
  description = "The addresses the region's nodes have on the internet, for others' allow-lists."
  value       = [for az in local.nat_zones : aws_eip.nat[az].public_ip]
}
