# TLS is forced, passwords are SCRAM, slow statements and long waits are logged, without the values that were bound to a
# statement: they may be about somebody. Values in milliseconds unless said.

locals {
  parameters = {
    "rds.force_ssl"                       = { value = "1" }
    "ssl_min_protocol_version"            = { value = "TLSv1.2" }
    "password_encryption"                 = { value = "scram-sha-256" }
    "rds.accepted_password_auth_method"   = { value = "scram", reboot = true }
    "shared_preload_libraries"            = { value = "pg_stat_statements", reboot = true }
    "log_min_duration_statement"          = { value = "1000" }
    "log_lock_waits"                      = { value = "1" }
    "log_connections"                     = { value = "1" }
    "log_disconnections"                  = { value = "1" }
    "log_parameter_max_length"            = { value = "0" }
    "log_parameter_max_length_on_error"   = { value = "0" }
    "log_statement"                       = { value = "ddl" }
    "idle_in_transaction_session_timeout" = { value = "60000" }
  }
}

resource "aws_rds_cluster_parameter_group" "this" {
  for_each = local.aurora

  name        = "${var.name}-${var.engine_version}"
  family      = local.family
  description = "TLS only, SCRAM, slow statements logged"
  tags        = var.tags

  dynamic "parameter" {
    for_each = local.parameters

    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = try(parameter.value.reboot, false) ? "pending-reboot" : "immediate"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_parameter_group" "this" {
  for_each = local.plain

  name        = "${var.name}-${var.engine_version}"
  family      = local.family
  description = "TLS only, SCRAM, slow statements logged"
  tags        = var.tags

  dynamic "parameter" {
    # A replica cancels reads that stand in the way of replay later than the services give up (5 s); it tells the primary
    # which rows it still reads.
    for_each = merge(local.parameters, { "hot_standby_feedback" = { value = "1" } })

    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = try(parameter.value.reboot, false) ? "pending-reboot" : "immediate"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}
