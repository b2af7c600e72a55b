mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/rds-monitoring" }
  }
  mock_resource "aws_rds_cluster" {
    defaults = {
      arn                = "arn:aws:rds:us-east-1:111122223333:cluster:meridian-prod-us-east-1"
      endpoint           = "writer.example.com"
      reader_endpoint    = "readers.example.com"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!cluster-x", kms_key_id = "k", secret_status = "active" }]
    }
  }
  mock_resource "aws_db_instance" {
    defaults = { arn = "arn:aws:rds:us-east-1:111122223333:db:meridian-prod-us-east-1", address = "primary.example.com" }
  }
}

variables {
  name        = "meridian-prod-us-east-1"
  environment = "prod"

  admin_password = "" # Terraform 1.11 tests take an ephemeral variable only when it is given

  network = {
    vpc_id            = "vpc-00000000000000001"
    azs               = ["us-east-1a", "us-east-1b", "us-east-1c"]
    subnet_ids        = ["subnet-00000000000000020", "subnet-00000000000000021", "subnet-00000000000000022"]
    security_group_id = "sg-00000000000000001"
  }
  kms_key_arns = {
    database = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000001"
    secrets  = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000002"
    logs     = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000003"
  }
}

run "eleven_instances_over_three_zones" {
  assert {
    condition     = length(aws_rds_cluster_instance.this) == 11 && alltrue([for one in aws_rds_cluster_instance.this : one.instance_class == "db.r5.4xlarge"])
    error_message = "A writer and ten readers of db.r5.4xlarge."
  }

  assert {
    condition = { for az, names in { for name, one in aws_rds_cluster_instance.this : one.availability_zone => name... } : az => length(names) } == {
      us-east-1a = 4, us-east-1b = 4, us-east-1c = 3
    }
    error_message = "Instances are spread over three zones."
  }

  assert {
    condition = (
      aws_rds_cluster_instance.this["writer"].promotion_tier == 0
      && toset([for one in aws_rds_cluster_instance.this : one.availability_zone if one.promotion_tier == 1]) == toset(["us-east-1b", "us-east-1c"])
    )
    error_message = "Those who take over are in the other zones."
  }

  assert {
    condition = (
      aws_appautoscaling_target.readers["this"].min_capacity == 10
      && aws_appautoscaling_target.readers["this"].max_capacity == 15
      && aws_appautoscaling_target.readers["this"].scalable_dimension == "rds:cluster:ReadReplicaCount"
      && aws_appautoscaling_policy.readers["this"].target_tracking_scaling_policy_configuration[0].target_value == 60
    )
    error_message = "Readers scale from 10 to 15 by their CPU."
  }

  assert {
    condition     = length(aws_db_instance.primary) == 0 && length(aws_db_instance.replica) == 0 && length(aws_rds_global_cluster.this) == 0
    error_message = "Aurora alone, and the region stands alone."
  }
}

run "encrypted_kept_and_watched" {
  assert {
    condition = (
      aws_rds_cluster.this["this"].storage_encrypted && aws_rds_cluster.this["this"].kms_key_id == var.kms_key_arns.database
      && aws_rds_cluster.this["this"].manage_master_user_password && aws_rds_cluster.this["this"].master_user_secret_kms_key_id == var.kms_key_arns.secrets
      && aws_rds_cluster.this["this"].iam_database_authentication_enabled
    )
    error_message = "Storage and password are encrypted with the customer's keys; AWS manages the password."
  }

  assert {
    condition     = { for one in aws_rds_cluster_parameter_group.this["this"].parameter : one.name => one.value }["rds.force_ssl"] == "1"
    error_message = "TLS is forced."
  }

  assert {
    condition     = aws_rds_cluster_parameter_group.this["this"].family == "aurora-postgresql17"
    error_message = "PostgreSQL 17."
  }

  assert {
    condition = (
      aws_rds_cluster.this["this"].backup_retention_period == 35 && aws_rds_cluster.this["this"].deletion_protection
      && !aws_rds_cluster.this["this"].skip_final_snapshot && !aws_rds_cluster.this["this"].delete_automated_backups
    )
    error_message = "Any point of the last 35 days can be restored, and nobody deletes the cluster by accident."
  }

  assert {
    condition = alltrue([for one in aws_rds_cluster_instance.this :
      one.performance_insights_enabled && one.performance_insights_kms_key_id == var.kms_key_arns.database && one.monitoring_interval == 15 && !one.publicly_accessible
    ])
    error_message = "Every instance has performance insights and enhanced monitoring, and no public address."
  }

  assert {
    condition     = aws_rds_cluster.this["this"].enabled_cloudwatch_logs_exports == toset(["postgresql"]) && aws_cloudwatch_log_group.this["/aws/rds/cluster/meridian-prod-us-east-1/postgresql"].kms_key_id == var.kms_key_arns.logs
    error_message = "The server's log goes to an encrypted log group."
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.admin["this"].rotation_rules[0].automatically_after_days == 30
    error_message = "The administrator's password rotates every 30 days."
  }

  assert {
    condition     = output.database.name == "meridian" && output.database.port == 5432 && output.database.writer_endpoint == "writer.example.com" && output.database.reader_endpoint == "readers.example.com"
    error_message = "The output says where to connect."
  }
}

run "plain_rds_by_one_variable" {
  variables {
    engine         = "postgres"
    admin_password = "0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = aws_db_instance.primary["this"].multi_az && aws_db_instance.primary["this"].instance_class == "db.r5.4xlarge" && length(aws_db_instance.replica) == 10
    error_message = "A Multi-AZ primary and ten read replicas."
  }

  assert {
    condition = alltrue([for one in aws_db_instance.replica :
      one.replicate_source_db == "meridian-prod-us-east-1" && one.instance_class == "db.r5.4xlarge" && one.storage_encrypted && one.performance_insights_enabled
    ])
    error_message = "Replicas follow the primary and are as well equipped."
  }

  assert {
    condition     = length(distinct([for one in aws_db_instance.replica : one.availability_zone])) == 3
    error_message = "Replicas are in three zones."
  }

  assert {
    condition = (
      aws_db_instance.primary["this"].storage_encrypted && aws_db_instance.primary["this"].deletion_protection && aws_db_instance.primary["this"].backup_retention_period == 35
      && { for one in aws_db_parameter_group.this["this"].parameter : one.name => one.value }["rds.force_ssl"] == "1"
    )
    error_message = "The same protection as Aurora."
  }

  assert {
    condition     = length(aws_rds_cluster.this) == 0 && length(aws_rds_cluster_instance.this) == 0 && length(aws_route53_record.readers) == 10 && output.database.reader_endpoint == "readers.meridian-prod-us-east-1.internal"
    error_message = "One name answers with the replicas in turn."
  }
}

run "a_global_database_is_optional" {
  variables {
    global         = { identifier = "meridian-prod", primary = true }
    admin_password = "0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = aws_rds_global_cluster.this["this"].storage_encrypted && aws_rds_cluster.this["this"].manage_master_user_password == null
    error_message = "The writing region makes the global database; AWS manages no password for it."
  }
}

run "a_secondary_region_joins" {
  variables {
    global         = { identifier = "meridian-prod", primary = false }
    admin_password = "0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = length(aws_rds_global_cluster.this) == 0 && aws_rds_cluster.this["this"].global_cluster_identifier == "meridian-prod" && length(aws_rds_cluster_instance.this) == 11
    error_message = "A secondary joins, with readers of its own."
  }
}

run "dev_is_small_but_complete" {
  variables {
    environment = "dev"
    protected   = false
    sizes       = { instance_class = "db.t4g.medium", replicas = 1, most_replicas = 2 }
    retention   = { backup = 7, performance_insights = 7 }
  }

  assert {
    condition     = length(aws_rds_cluster_instance.this) == 2 && aws_rds_cluster.this["this"].storage_encrypted
    error_message = "A writer and a reader, encrypted."
  }
}

run "fewer_than_ten_replicas_in_production_are_refused" {
  command = plan
  variables {
    sizes = { replicas = 9 }
  }
  expect_failures = [var.sizes]
}

run "more_replicas_than_aws_allows_are_refused" {
  command = plan
  variables {
    sizes = { replicas = 16, most_replicas = 16 }
  }
  expect_failures = [var.sizes]
}

run "an_unprotected_production_database_is_refused" {
  command = plan
  variables {
    protected = false
  }
  expect_failures = [var.protected]
}

run "two_zones_are_refused" {
  command = plan
  variables {
    network = {
      vpc_id            = "vpc-00000000000000001"
      azs               = ["us-east-1a", "us-east-1b"]
      subnet_ids        = ["subnet-00000000000000020", "subnet-00000000000000021"]
      security_group_id = "sg-00000000000000001"
    }
  }
  expect_failures = [var.network]
}

run "an_unknown_engine_is_refused" {
  command = plan
  variables {
    engine = "mysql"
  }
  expect_failures = [var.engine]
}

run "plain_rds_without_a_password_is_refused" {
  command = plan
  variables {
    engine = "postgres"
  }
  expect_failures = [var.admin_password]
}

run "a_global_database_of_plain_rds_is_refused" {
  command = plan
  variables {
    engine         = "postgres"
    admin_password = "0123456789abcdef0123456789abcdef"
    global         = { identifier = "meridian-prod", primary = true }
  }
  expect_failures = [var.global]
}

run "a_backup_of_a_day_is_refused" {
  command = plan
  variables {
    retention = { backup = 1 }
  }
  expect_failures = [var.retention]
}

run "a_minor_version_is_refused" {
  command = plan
  variables {
    engine_version = "17.5"
  }
  expect_failures = [var.engine_version]
}
