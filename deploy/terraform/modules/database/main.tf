# PostgreSQL for the six services: Aurora with a writer and ten readers over three zones by default, plain RDS (a Multi-AZ
# primary and ten streaming replicas) by one variable. This file holds what both share; see aurora.tf and rds.tf.

locals {
  aurora = var.engine == "aurora-postgresql" ? { this = true } : {}
  plain  = var.engine == "postgres" ? { this = true } : {}

  # AWS manages the administrator's password, except where it cannot.
  managed_password = var.engine == "aurora-postgresql" && var.global == null
  secondary        = var.global != null && !try(var.global.primary, true)

  # reader-01 .. reader-10, spread over the zones; the writer is in the first.
  replicas = {
    for n in range(1, var.sizes.replicas + 1) : format("reader-%02d", n) => {
      az   = var.network.azs[n % length(var.network.azs)]
      tier = n <= 2 ? 1 : 15 # the first two, in the other zones, are the ones to take over
    }
  }

  database_name = "meridian" # libs/topology.py
  admin_user    = "meridian_admin"
  port          = 5432
  log_types     = ["postgresql"]
  family        = "${var.engine}${var.engine_version}"
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Data subnets of ${var.name}"
  subnet_ids  = var.network.subnet_ids
  tags        = var.tags
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(var.engine == "postgres" ? ["/aws/rds/instance/${var.name}/postgresql"] : ["/aws/rds/cluster/${var.name}/postgresql"])

  name              = each.key
  retention_in_days = var.retention.logs
  kms_key_id        = var.kms_key_arns.logs
  tags              = var.tags
}

resource "aws_iam_role" "monitoring" {
  name = "${var.name}-rds-monitoring"
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })

  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
