resource "aws_rds_global_cluster" "this" {
  for_each = var.global != null && !local.secondary ? local.aurora : {}

  global_cluster_identifier = var.global.identifier
  engine                    = var.engine
  engine_version            = var.engine_version
  database_name             = local.database_name
  storage_encrypted         = true
  deletion_protection       = var.protected
}

resource "aws_rds_cluster" "this" {
  for_each = local.aurora

  cluster_identifier        = var.name
  engine                    = var.engine
  engine_version            = var.engine_version
  global_cluster_identifier = local.secondary ? var.global.identifier : try(aws_rds_global_cluster.this["this"].id, null)

  # A secondary of a global database receives all of this from the primary.
  database_name                 = local.secondary ? null : local.database_name
  master_username               = local.secondary ? null : local.admin_user
  manage_master_user_password   = local.managed_password ? true : null
  master_user_secret_kms_key_id = local.managed_password ? var.kms_key_arns.secrets : null
  master_password_wo            = local.managed_password || local.secondary ? null : var.admin_password
  master_password_wo_version    = local.managed_password || local.secondary ? null : 1

  availability_zones     = slice(var.network.azs, 0, 3)
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.network.security_group_id]
  port                   = local.port

  storage_encrypted                   = true
  storage_type                        = "aurora-iopt1"
  kms_key_id                          = var.kms_key_arns.database
  iam_database_authentication_enabled = true # people sign in with their role; services have passwords of their own
  db_cluster_parameter_group_name     = aws_rds_cluster_parameter_group.this["this"].name

  backup_retention_period      = var.retention.backup
  preferred_backup_window      = "02:00-03:00"
  preferred_maintenance_window = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot        = true
  skip_final_snapshot          = !var.protected
  final_snapshot_identifier    = "${var.name}-last"
  delete_automated_backups     = !var.protected
  deletion_protection          = var.protected

  enabled_cloudwatch_logs_exports = local.log_types
  enable_http_endpoint            = false
  tags                            = var.tags

  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_rds_cluster_instance" "this" {
  for_each = var.engine == "aurora-postgresql" ? merge({ writer = { az = var.network.azs[0], tier = 0 } }, local.replicas) : {}

  identifier         = "${var.name}-${each.key}"
  cluster_identifier = aws_rds_cluster.this["this"].id
  engine             = var.engine
  engine_version     = var.engine_version
  instance_class     = var.sizes.instance_class
  availability_zone  = each.value.az
  promotion_tier     = each.value.tier

  db_subnet_group_name                  = aws_db_subnet_group.this.name
  publicly_accessible                   = false
  auto_minor_version_upgrade            = true
  ca_cert_identifier                    = "rds-ca-rsa2048-g1"
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arns.database
  performance_insights_retention_period = var.retention.performance_insights
  monitoring_interval                   = 15
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  copy_tags_to_snapshot                 = true
  tags                                  = merge(var.tags, { role = each.key == "writer" ? "writer" : "reader" })
}

# The ten readers are there always; auto scaling adds up to five more and takes away only what it added.
resource "aws_appautoscaling_target" "readers" {
  for_each = local.aurora

  service_namespace  = "rds"
  scalable_dimension = "rds:cluster:ReadReplicaCount"
  resource_id        = "cluster:${aws_rds_cluster.this["this"].cluster_identifier}"
  min_capacity       = var.sizes.replicas
  max_capacity       = var.sizes.most_replicas
  tags               = var.tags

  depends_on = [aws_rds_cluster_instance.this]
}

resource "aws_appautoscaling_policy" "readers" {
  for_each = local.aurora

  name               = "${var.name}-readers"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.readers[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.readers[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.readers[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 900
    scale_out_cooldown = 300

    predefined_metric_specification {
      predefined_metric_type = "RDSReaderAverageCPUUtilization"
    }
  }
}

# RDS rotates the administrator's password by itself; this says how often.
resource "aws_secretsmanager_secret_rotation" "admin" {
  for_each = local.managed_password ? local.aurora : {}

  secret_id          = aws_rds_cluster.this["this"].master_user_secret[0].secret_arn
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = 30
  }
}
