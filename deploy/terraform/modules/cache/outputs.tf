output "cache" {
  description = "Where to connect (over TLS), what it is called in metrics, and the user of each service."
  value = {
    id                     = var.name
    engine                 = var.engine
    arn                    = aws_elasticache_replication_group.this.arn
    configuration_endpoint = aws_elasticache_replication_group.this.configuration_endpoint_address
    port                   = aws_elasticache_replication_group.this.port
    members                = sort(tolist(aws_elasticache_replication_group.this.member_clusters))
    user_names             = { for service, user in aws_elasticache_user.service : service => user.user_name }
    user_arns              = { for service, user in aws_elasticache_user.service : service => user.arn }
  }
}
