resource "aws_db_instance" "primary" {
  for_each = local.plain

  identifier     = var.name
  engine         = var.engine
  engine_version = var.engine_version
  instance_class = var.sizes.instance_class
  multi_az       = true
  db_name        = local.database_name
  port           = local.port

  username            = local.admin_user
  password_wo         = var.admin_password
  password_wo_version = 1

  allocated_storage     = var.sizes.disk
  max_allocated_storage = var.sizes.disk * 4
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arns.database

  db_subnet_group_name                = aws_db_subnet_group.this.name
  vpc_security_group_ids              = [var.network.security_group_id]
  publicly_accessible                 = false
  iam_database_authentication_enabled = true
  parameter_group_name                = aws_db_parameter_group.this["this"].name
  ca_cert_identifier                  = "rds-ca-rsa2048-g1"
  auto_minor_version_upgrade          = true

  backup_retention_period   = var.retention.backup
  backup_window             = "02:00-03:00"
  maintenance_window        = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot     = true
  skip_final_snapshot       = !var.protected
  final_snapshot_identifier = "${var.name}-last"
  delete_automated_backups  = !var.protected
  deletion_protection       = var.protected

  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arns.database
  performance_insights_retention_period = var.retention.performance_insights
  monitoring_interval                   = 15
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports       = concat(local.log_types, ["upgrade"])
  tags                                  = merge(var.tags, { role = "writer" })

  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_db_instance" "replica" {
  for_each = var.engine == "postgres" ? local.replicas : {}

  identifier          = "${var.name}-${each.key}"
  replicate_source_db = aws_db_instance.primary["this"].identifier
  instance_class      = var.sizes.instance_class
  availability_zone   = each.value.az

  max_allocated_storage = var.sizes.disk * 4
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arns.database

  vpc_security_group_ids              = [var.network.security_group_id]
  publicly_accessible                 = false
  iam_database_authentication_enabled = true
  parameter_group_name                = aws_db_parameter_group.this["this"].name
  ca_cert_identifier                  = "rds-ca-rsa2048-g1"
  auto_minor_version_upgrade          = true

  copy_tags_to_snapshot = true
  skip_final_snapshot   = true
  deletion_protection   = var.protected

  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arns.database
  performance_insights_retention_period = var.retention.performance_insights
  monitoring_interval                   = 15
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports       = concat(local.log_types, ["upgrade"])
  tags                                  = merge(var.tags, { role = "reader" })
}

# Plain RDS has no reader endpoint: one name that answers with each replica in turn, and is in none of their certificates.
# Clients that check host names, as all of ours, ask a replica by its own.
resource "aws_route53_zone" "readers" {
  for_each = local.plain

  name    = "${var.name}.internal"
  comment = "Read replicas of ${var.name}"
  tags    = var.tags

  vpc {
    vpc_id = var.network.vpc_id
  }
}

resource "aws_route53_record" "readers" {
  for_each = aws_db_instance.replica

  zone_id        = aws_route53_zone.readers["this"].zone_id
  name           = "readers"
  type           = "CNAME"
  ttl            = 5
  set_identifier = each.key
  records        = [each.value.address]

  weighted_routing_policy {
    weight = 1
  }
}
