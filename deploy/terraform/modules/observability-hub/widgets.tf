# The lines of the dashboards: [namespace, metric, dimension, value, options].

locals {
  regions = sort(keys(var.regions))

  requests = {
    for region, row in var.regions : region => [
      ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", row.load_balancer, { label = "requests" }],
      ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", row.load_balancer, { label = "5xx of services", color = "#d62728" }],
      ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", row.load_balancer, { label = "5xx of the edge", color = "#9467bd" }],
    ]
  }

  # Aurora sums up its instances by role, plain RDS knows instances alone, and the writer is called like the database.
  aurora = { for region, row in var.regions : region => row.database.engine == "aurora-postgresql" }
  writer = {
    for region, row in var.regions : region =>
    local.aurora[region] ? ["DBClusterIdentifier", row.database.identifier, "Role", "WRITER"] : ["DBInstanceIdentifier", row.database.identifier]
  }
  connections = {
    for region, row in var.regions : region => local.aurora[region] ? [["AWS/RDS", "DatabaseConnections", "DBClusterIdentifier", row.database.identifier]] : [
      for name in row.database.instances : ["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", name]
    ]
  }
  replica_lag = {
    for region, row in var.regions : region => local.aurora[region] ? [["AWS/RDS", "AuroraReplicaLagMaximum", "DBClusterIdentifier", row.database.identifier]] : [
      for name in row.database.instances : ["AWS/RDS", "ReplicaLag", "DBInstanceIdentifier", name] if name != row.database.identifier
    ]
  }

  failures = "fields @timestamp, log_processed.service, log_processed.event, log_processed.trace_id | filter log_processed.level in [\"error\", \"critical\"] | sort @timestamp desc | limit 20"

  comparisons = [
    {
      title   = "slowest hundredth of answers, seconds"
      stat    = "p99"
      metrics = [for region in local.regions : ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.regions[region].load_balancer, { region = region, label = region }]]
    },
    {
      title   = "oldest message in order's inbox, seconds"
      stat    = "Maximum"
      metrics = [for region in local.regions : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "${var.messaging_prefix}-order-inbox", { region = region, label = region }]]
    },
    {
      title   = "writer's processor, percent"
      stat    = "Average"
      metrics = [for region in local.regions : concat(["AWS/RDS", "CPUUtilization"], local.writer[region], [{ region = region, label = region }])]
    },
    {
      title = "cache's processor, percent"
      stat  = "Maximum"
      metrics = flatten([for region in local.regions : [
        for node in var.regions[region].cache_nodes : { line = ["AWS/ElastiCache", "EngineCPUUtilization", "CacheClusterId", node, "CacheNodeId", "0001", { region = region, label = node }] }
      ]])[*].line
    },
  ]

  details = [
    {
      title   = "answers, seconds"
      stat    = "p99"
      metrics = { for region, row in var.regions : region => [["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", row.load_balancer]] }
    },
    {
      title = "messages waiting"
      stat  = "Maximum"
      metrics = {
        for region in local.regions : region =>
        [for queue in var.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${var.messaging_prefix}-${queue}", { label = queue }]]
      }
    },
    {
      title   = "database connections"
      stat    = "Sum"
      metrics = local.connections
    },
    {
      title   = "replicas behind (Aurora: milliseconds, RDS: seconds)"
      stat    = "Maximum"
      metrics = local.replica_lag
    },
    {
      title = "cache memory used, percent"
      stat  = "Maximum"
      metrics = {
        for region, row in var.regions : region =>
        [for node in row.cache_nodes : ["AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "CacheClusterId", node, "CacheNodeId", "0001", { label = node }]]
      }
    },
    {
      title   = "errors logged"
      stat    = "Sum"
      metrics = { for region, row in var.regions : region => [for service in var.services : ["Meridian/${var.name}", "Errors-${service}", { label = service }]] }
    },
  ]
}
