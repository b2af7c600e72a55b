# Sessions, rate limits and cached answers: one cluster of three shards, each a primary and two replicas in other zones.
# TLS only; each service signs in as its own user, who may touch the keys and call the commands it needs.

locals {
  versions = {
    valkey = { version = "8.0", family = "valkey8" }
    redis  = { version = "7.1", family = "redis7" }
  }

  # The text of libs/cache/access.py: what libs/cache calls, also inside its scripts, and the cluster's map.
  commands = join(" ", [for command in [
    "@connection", "@pubsub", "eval", "time", "readonly",
    "get", "set", "mget", "del", "incr", "expire", "pexpire", "hset", "hget", "hmget", "sadd", "srem", "smembers",
  ] : "+${command}"])

  access = {
    for service, patterns in var.services : service => join(" ", concat(
      ["on", "~limit:${service}:*", "~cache:${service}:*"],
      [for pattern in patterns : "~${pattern}"],
      contains(patterns, "session:*") ? [] : ["%R~session:*"],
      ["resetchannels", "&hints:${service}:*", "-@all", local.commands, "-@dangerous", "-@admin", "+cluster|slots"],
    ))
  }
}

resource "aws_elasticache_subnet_group" "this" {
  name        = var.name
  description = "Data subnets of ${var.name}"
  subnet_ids  = var.network.subnet_ids
  tags        = var.tags
}

resource "aws_elasticache_parameter_group" "this" {
  name        = "${var.name}-${local.versions[var.engine].family}"
  family      = local.versions[var.engine].family
  description = "Cluster mode; only keys that expire are evicted"
  tags        = var.tags

  parameter {
    name  = "cluster-enabled"
    value = "yes"
  }

  parameter {
    name  = "maxmemory-policy"
    value = "volatile-lru"
  }

  # While one shard has no primary, the others go on.
  parameter {
    name  = "cluster-require-full-coverage"
    value = "no"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["slow-log", "engine-log"])

  name              = "/aws/elasticache/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arns.logs
  tags              = var.tags
}

# A user begins without any password (only IAM could let it in, and no role may connect). Its first password is made by
# the rotation of the service's secret and is never seen here, so that none is in Terraform's state.
resource "aws_elasticache_user" "service" {
  for_each = local.access

  user_id       = "${var.name}-${each.key}"
  user_name     = "${var.name}-${each.key}"
  engine        = var.engine
  access_string = each.value
  tags          = merge(var.tags, { service = each.key })

  authentication_mode {
    type = "iam"
  }

  lifecycle {
    ignore_changes = [authentication_mode, passwords]
  }
}

# Redis insists on a user named default, Valkey does not: it may do nothing.
resource "aws_elasticache_user" "default" {
  for_each = toset(var.engine == "redis" ? ["default"] : [])

  user_id       = "${var.name}-default"
  user_name     = each.key
  engine        = var.engine
  access_string = "off -@all"
  tags          = var.tags

  authentication_mode {
    type = "no-password-required"
  }
}

resource "aws_elasticache_user_group" "this" {
  engine        = var.engine
  user_group_id = var.name
  user_ids      = concat([for user in aws_elasticache_user.service : user.user_id], [for user in aws_elasticache_user.default : user.user_id])
  tags          = var.tags
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.name
  description          = "Sessions, rate limits and cached answers of Meridian"
  engine               = var.engine
  engine_version       = local.versions[var.engine].version
  node_type            = var.sizes.node_type
  parameter_group_name = aws_elasticache_parameter_group.this.name
  port                 = 6379

  cluster_mode               = "enabled"
  num_node_groups            = var.sizes.shards
  replicas_per_node_group    = var.sizes.replicas
  automatic_failover_enabled = true
  multi_az_enabled           = true

  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [var.network.security_group_id]
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arns.cache
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]

  snapshot_retention_limit   = var.snapshot_days
  snapshot_window            = "02:00-03:00"
  final_snapshot_identifier  = "${var.name}-last"
  maintenance_window         = "sun:04:30-sun:05:30"
  auto_minor_version_upgrade = true
  apply_immediately          = false
  tags                       = var.tags

  dynamic "log_delivery_configuration" {
    for_each = aws_cloudwatch_log_group.this

    content {
      destination      = log_delivery_configuration.value.name
      destination_type = "cloudwatch-logs"
      log_format       = "json"
      log_type         = log_delivery_configuration.key
    }
  }
}
