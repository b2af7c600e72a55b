mock_provider "aws" {}

variables {
  name        = "meridian-prod-us-east-1"
  environment = "prod"
  network = {
    subnet_ids        = ["subnet-00000000000000020", "subnet-00000000000000021", "subnet-00000000000000022"]
    security_group_id = "sg-00000000000000002"
  }
  kms_key_arns = {
    cache = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000001"
    logs  = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000003"
  }
}

run "three_shards_with_two_replicas" {
  assert {
    condition = (
      aws_elasticache_replication_group.this.cluster_mode == "enabled"
      && aws_elasticache_replication_group.this.num_node_groups == 3
      && aws_elasticache_replication_group.this.replicas_per_node_group == 2
    )
    error_message = "Cluster mode with 3 x (1 + 2) nodes."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "A replica in another zone takes over by itself."
  }

  assert {
    condition = (
      aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.transit_encryption_mode == "required"
      && aws_elasticache_replication_group.this.at_rest_encryption_enabled == "true" && aws_elasticache_replication_group.this.kms_key_id == var.kms_key_arns.cache
    )
    error_message = "TLS is required, and the disk is encrypted with the customer's key."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.snapshot_retention_limit == 7
    error_message = "Snapshots are kept for a week."
  }

  assert {
    condition     = toset([for delivery in aws_elasticache_replication_group.this.log_delivery_configuration : delivery.log_type]) == toset(["slow-log", "engine-log"])
    error_message = "Both logs are delivered."
  }

  assert {
    condition     = { for one in aws_elasticache_parameter_group.this.parameter : one.name => one.value } == { cluster-enabled = "yes", cluster-require-full-coverage = "no", maxmemory-policy = "volatile-lru" }
    error_message = "Only keys that expire may be evicted, and a shard that is away is away alone."
  }
}

run "a_user_for_each_service" {
  assert {
    condition     = toset(keys(aws_elasticache_user.service)) == toset(["auth", "user", "product", "cart", "order", "payment"])
    error_message = "Six services, six users."
  }

  assert {
    condition     = toset(aws_elasticache_user_group.this.user_ids) == toset([for service in keys(aws_elasticache_user.service) : "meridian-prod-us-east-1-${service}"])
    error_message = "The cluster knows these users and no other."
  }

  assert {
    condition = alltrue([for user in aws_elasticache_user.service :
      strcontains(user.access_string, " -@all ") && strcontains(user.access_string, " -@dangerous") && !strcontains(user.access_string, "~* ") && !strcontains(user.access_string, "+@all") && !strcontains(user.access_string, "allkeys")
    ])
    error_message = "A user may call listed commands on listed keys."
  }

  assert {
    condition     = [for service, user in aws_elasticache_user.service : service if strcontains(user.access_string, "~sessions-of:*")] == ["auth"]
    error_message = "Only auth keeps the list of a user's sessions."
  }

  assert {
    condition     = alltrue([for service, user in aws_elasticache_user.service : strcontains(user.access_string, service == "auth" ? " ~session:*" : " %R~session:*")])
    error_message = "Auth writes sessions, the others read them."
  }

  assert {
    condition     = alltrue([for service, user in aws_elasticache_user.service : strcontains(user.access_string, "on ~limit:${service}:* ~cache:${service}:* ") && strcontains(user.access_string, " resetchannels &hints:${service}:* ")])
    error_message = "Limits, cached answers and hints are each service's own."
  }

  assert {
    condition     = alltrue([for user in aws_elasticache_user.service : user.authentication_mode[0].type == "iam" && user.passwords == null])
    error_message = "No password is in the state."
  }
}

run "redis_by_one_variable" {
  variables {
    engine = "redis"
  }

  assert {
    condition     = aws_elasticache_replication_group.this.engine_version == "7.1" && aws_elasticache_parameter_group.this.family == "redis7"
    error_message = "Redis 7.1."
  }

  assert {
    condition     = aws_elasticache_user.default["default"].access_string == "off -@all" && length(aws_elasticache_user_group.this.user_ids) == 7
    error_message = "Redis' default user may do nothing."
  }
}

run "two_shards_in_production_are_refused" {
  command = plan
  variables {
    sizes = { shards = 2 }
  }
  expect_failures = [var.sizes]
}

run "one_replica_in_production_is_refused" {
  command = plan
  variables {
    sizes = { replicas = 1 }
  }
  expect_failures = [var.sizes]
}

run "no_replica_is_refused_anywhere" {
  command = plan
  variables {
    environment = "dev"
    sizes       = { shards = 1, replicas = 0 }
  }
  expect_failures = [var.sizes]
}

run "every_key_for_a_service_is_refused" {
  command = plan
  variables {
    services = { order = ["*"] }
  }
  expect_failures = [var.services]
}

run "two_zones_are_refused" {
  command = plan
  variables {
    network = { subnet_ids = ["subnet-00000000000000020", "subnet-00000000000000021"], security_group_id = "sg-00000000000000002" }
  }
  expect_failures = [var.network]
}

run "an_unknown_engine_is_refused" {
  command = plan
  variables {
    engine = "memcached"
  }
  expect_failures = [var.engine]
}

run "a_name_too_long_for_elasticache_is_refused" {
  command = plan
  variables {
    name = "meridian-production-of-everything-us-east-1"
  }
  expect_failures = [var.name]
}

run "no_snapshots_are_refused" {
  command = plan
  variables {
    snapshot_days = 0
  }
  expect_failures = [var.snapshot_days]
}
