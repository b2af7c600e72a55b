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
      metrics = [for region in local.regions : ["AWS/RDS", "CPUUtilization", "DBClusterIdentifier", var.regions[region].database, "Role", "WRITER", { region = region, label = region }]]
    },
    {
      title   = "cache's processor, percent"
      stat    = "Maximum"
      metrics = [for region in local.regions : ["AWS/ElastiCache", "EngineCPUUtilization", "ReplicationGroupId", var.regions[region].cache, { region = region, label = region }]]
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
      metrics = { for region, row in var.regions : region => [["AWS/RDS", "DatabaseConnections", "DBClusterIdentifier", row.database]] }
    },
    {
      title   = "replicas behind, milliseconds"
      stat    = "Maximum"
      metrics = { for region, row in var.regions : region => [["AWS/RDS", "AuroraReplicaLagMaximum", "DBClusterIdentifier", row.database]] }
    },
    {
      title   = "cache memory used, percent"
      stat    = "Maximum"
      metrics = { for region, row in var.regions : region => [["AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "ReplicationGroupId", row.cache]] }
    },
    {
      title   = "errors logged"
      stat    = "Sum"
      metrics = { for region, row in var.regions : region => [for service in var.services : ["Meridian/${var.name}", "Errors-${service}", { label = service }]] }
    },
  ]
}
