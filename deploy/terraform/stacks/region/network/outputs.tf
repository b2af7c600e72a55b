output "network" {
  description = "What the other stacks of the region stand on."
  value = {
    vpc_id             = module.network.vpc_id
    vpc_cidr           = module.network.vpc_cidr
    azs                = local.row.azs
    public_subnet_ids  = module.network.subnet_ids.public
    app_subnet_ids     = module.network.subnet_ids.app
    data_subnet_ids    = module.network.subnet_ids.data
    subnet_cidrs       = module.network.subnet_cidrs
    route_table_ids    = module.network.route_table_ids
    security_group_ids = module.security.security_group_ids
    nat_addresses      = module.network.nat_addresses
  }
}
