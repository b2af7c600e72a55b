# Alarms watch what AWS tells: a metric exists under exact dimensions only, and those differ by engine.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "alarms_have_the_dimensions_that_aws_tells_them_by" {
  command = plan

  assert {
    condition = alltrue([
      for name, alarm in local.alarms : toset(keys(alarm.dimensions)) == toset(["CacheClusterId", "CacheNodeId"]) && contains(var.data.cache.members, alarm.dimensions.CacheClusterId) if alarm.namespace == "AWS/ElastiCache"
    ])
    error_message = "ElastiCache tells of nodes, never of a replication group."
  }
  assert {
    condition     = length([for name, alarm in local.alarms : name if alarm.namespace == "AWS/ElastiCache"]) == 3 * length(var.data.cache.members) && length(var.data.cache.members) == 9
    error_message = "Every node of the cache is watched for three things."
  }
  assert {
    condition     = toset([for name, alarm in local.alarms : join(" ", sort(keys(alarm.dimensions))) if alarm.namespace == "AWS/RDS"]) == toset(["DBClusterIdentifier", "DBClusterIdentifier Role"])
    error_message = "Aurora tells of its cluster, and of it by role."
  }
}

run "mails_that_come_back_are_told_before_ses_stops_the_account" {
  command = plan

  assert {
    condition = { for name, alarm in local.alarms : alarm.metric => alarm.threshold if alarm.namespace == "AWS/SES" } == {
      "Reputation.BounceRate"    = 0.05
      "Reputation.ComplaintRate" = 0.001
    }
    error_message = "SES looks at an account from 5 % bounces and 0.1 % complaints on."
  }
  assert {
    condition     = alltrue([for name, alarm in local.alarms : alarm.dimensions == { "ses:configuration-set" = "meridian-prod" } && alarm.layer == "mail" if alarm.namespace == "AWS/SES"])
    error_message = "They are counted by the configuration set that the shop sends with."
  }
}

run "plain_rds_is_watched_by_instance" {
  command = plan

  variables {
    data = {
      database     = { engine = "postgres", identifier = "meridian-prod-us-east-1", instances = ["meridian-prod-us-east-1", "meridian-prod-us-east-1-reader-01", "meridian-prod-us-east-1-reader-02"] }
      cache        = var.data.cache
      buckets      = var.data.buckets
      kms_key_arns = var.data.kms_key_arns
      backup       = var.data.backup
    }
  }

  assert {
    condition     = alltrue([for name, alarm in local.alarms : join(" ", keys(alarm.dimensions)) == "DBInstanceIdentifier" if alarm.namespace == "AWS/RDS"])
    error_message = "Plain RDS knows no cluster."
  }
  assert {
    condition     = local.alarms["database-memory"].dimensions.DBInstanceIdentifier == "meridian-prod-us-east-1"
    error_message = "The writer is called like the database."
  }
  assert {
    condition = { for name, alarm in local.alarms : name => "${alarm.metric} ${alarm.dimensions.DBInstanceIdentifier}" if startswith(name, "database-re") } == {
      database-readers-processor-reader-01 = "CPUUtilization meridian-prod-us-east-1-reader-01"
      database-readers-processor-reader-02 = "CPUUtilization meridian-prod-us-east-1-reader-02"
      database-replicas-behind-reader-01   = "ReplicaLag meridian-prod-us-east-1-reader-01"
      database-replicas-behind-reader-02   = "ReplicaLag meridian-prod-us-east-1-reader-02"
    }
    error_message = "Every reader is watched, and how far it is behind."
  }
}

run "the_flags_role_may_look_at_composite_alarms" {
  command = plan

  assert {
    condition     = one(data.aws_iam_policy_document.look.statement).resources == toset(["*"]) && one(data.aws_iam_policy_document.look.statement).actions == toset(["cloudwatch:DescribeAlarms"])
    error_message = "AWS describes composite alarms to nobody whose right is narrower, and this role has no other right."
  }
}
