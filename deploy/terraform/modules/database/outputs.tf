output "database" {
  description = "Where to connect, and what proves who may: the same for both engines. admin_secret_arn is null where AWS manages no password."
  value = {
    engine           = var.engine
    identifier       = var.name
    arn              = try(aws_rds_cluster.this["this"].arn, aws_db_instance.primary["this"].arn)
    writer_endpoint  = try(aws_rds_cluster.this["this"].endpoint, aws_db_instance.primary["this"].address)
    reader_endpoint  = try(aws_rds_cluster.this["this"].reader_endpoint, "readers.${var.name}.internal")
    port             = local.port
    name             = local.database_name
    admin_user       = local.admin_user
    admin_secret_arn = try(aws_rds_cluster.this["this"].master_user_secret[0].secret_arn, null)
    instances        = sort(concat([for one in aws_rds_cluster_instance.this : one.identifier], [for one in aws_db_instance.primary : one.identifier], [for one in aws_db_instance.replica : one.identifier]))
    security = {
      tls                 = "required"
      security_group_id   = var.network.security_group_id
      kms_key_arn         = var.kms_key_arns.database
      iam_authentication  = true
      deletion_protection = var.protected
    }
  }
}
