# The region's alarms as a table. What each says is read by whoever it woke: what is wrong, and where to look first.

locals {
  load_balancer = { LoadBalancer = var.edge.load_balancer }
  mails         = { "ses:configuration-set" = "meridian-${var.environment}" } # stack edge
  cluster       = { ClusterName = var.platform.cluster_name }

  # Aurora sums up its instances by role, plain RDS knows instances alone: the writer is called like the database.
  aurora  = var.data.database.engine == "aurora-postgresql"
  readers = [for name in var.data.database.instances : name if name != var.data.database.identifier]
  writer  = local.aurora ? { DBClusterIdentifier = var.data.database.identifier, Role = "WRITER" } : { DBInstanceIdentifier = var.data.database.identifier }
  reading = merge(
    { for name in local.readers : "-${trimprefix(name, "${var.data.database.identifier}-")}" => { DBInstanceIdentifier = name } if !local.aurora },
    { for suffix in [""] : suffix => { DBClusterIdentifier = var.data.database.identifier, Role = "READER" } if local.aurora },
  )
  replica_lag = local.aurora ? {
    "" = { metric = "AuroraReplicaLagMaximum", threshold = 1000, dimensions = { DBClusterIdentifier = var.data.database.identifier } }
    } : {
    for suffix, dimensions in local.reading : suffix => { metric = "ReplicaLag", threshold = 1, dimensions = dimensions }
  }

  # ElastiCache tells of nodes, each a cluster of one, never of the whole.
  cache_nodes = {
    for name in var.data.cache.members : trimprefix(name, "${var.data.cache.id}-") => { CacheClusterId = name, CacheNodeId = "0001" }
  }

  alarms = merge(local.regional_alarms, merge([for suffix, dimensions in local.reading : {
    "database-readers-processor${suffix}" = {
      layer       = "database", namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = dimensions
      threshold   = 85, periods = 15
      description = "Readers are busy although their number scales. Is auto-scaling at its largest, or one statement wrong?"
    }
    }]...), merge([for suffix, lag in local.replica_lag : {
    "database-replicas-behind${suffix}" = {
      layer       = "database", namespace = "AWS/RDS", metric = lag.metric, dimensions = lag.dimensions
      statistic   = "Maximum", threshold = lag.threshold
      description = "A replica is more than a second behind: reads that must see their own writes all go to the writer now."
    }
    }]...), merge([for node, dimensions in local.cache_nodes : {
    "cache-processor-${node}" = {
      layer       = "cache", namespace = "AWS/ElastiCache", metric = "EngineCPUUtilization", dimensions = dimensions
      statistic   = "Maximum", threshold = 80
      description = "Cache node ${node}: its only processor is busy, sessions and rate limits become slow. Look for one hot key."
    }
    "cache-memory-${node}" = {
      layer       = "cache", namespace = "AWS/ElastiCache", metric = "DatabaseMemoryUsagePercentage", dimensions = dimensions
      statistic   = "Maximum", threshold = 80
      description = "Cache node ${node} is nearly full: soon keys are evicted, and people logged out. Add a shard, or find what grows."
    }
    "cache-replicas-behind-${node}" = {
      layer       = "cache", namespace = "AWS/ElastiCache", metric = "ReplicationLag", dimensions = dimensions
      statistic   = "Maximum", threshold = 5
      description = "Cache node ${node} is seconds behind its primary: a failover now would lose sessions."
    }
    }]...), { for group in var.data.backup.export_group[*] : "database-exports-fail" => {
    layer       = "backup", namespace = "AWS/Scheduler", metric = "TargetErrorCount", dimensions = { ScheduleGroup = group }
    statistic   = "Sum", threshold = 0, periods = 1, period_seconds = 300
    description = "The weekly export of the tables into the bucket of backups was refused: aws rds describe-export-tasks, then CloudTrail's StartExportTask says why."
  } })

  regional_alarms = {
    edge-5xx = {
      layer       = "edge", namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.load_balancer
      statistic   = "Sum", threshold = 50, periods = 3
      description = "The load balancer itself answers 5xx: no gateway pod takes requests. Look at the target group's health, then at the gateway's pods."
    }
    edge-service-5xx = {
      layer       = "edge", namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.load_balancer
      statistic   = "Sum", threshold = 100, periods = 5
      description = "Services answer 5xx. Run the saved query errors; the service with the newest deployment first."
    }
    edge-slow = {
      layer       = "edge", namespace = "AWS/ApplicationELB", metric = "TargetResponseTime", dimensions = local.load_balancer
      statistic   = "p99", threshold = 1, periods = 5
      description = "One answer in a hundred takes more than a second. Run the saved query slow-requests, then look at the database's connections."
    }
    edge-rejected = {
      layer       = "edge", namespace = "AWS/ApplicationELB", metric = "RejectedConnectionCount", dimensions = local.load_balancer
      statistic   = "Sum", threshold = 0, periods = 3
      description = "The load balancer refuses connections: it is at its limit. See the quotas in docs/costs.md."
    }
    # SES looks at an account from 5 % and 0.1 % on, and stops it at 10 % and 0.5 %.
    mail-bounces = {
      layer       = "mail", namespace = "AWS/SES", metric = "Reputation.BounceRate", dimensions = local.mails
      statistic   = "Maximum", threshold = 0.05, periods = 1, period_seconds = 3600
      description = "One mail in twenty bounces: somebody registers addresses that do not exist. Look at auth's refusals by address, then at SES's suppression list."
    }
    mail-complaints = {
      layer       = "mail", namespace = "AWS/SES", metric = "Reputation.ComplaintRate", dimensions = local.mails
      statistic   = "Maximum", threshold = 0.001, periods = 1, period_seconds = 3600
      description = "One reader in a thousand calls our mails spam. Which kind was new? Stop it before SES stops all."
    }
    database-processor = {
      layer       = "database", namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = local.writer
      threshold   = 85, periods = 10
      description = "The writer is busy. Look at Performance Insights for the statement that is new, then at the hot SKU's buckets."
    }
    database-memory = {
      layer       = "database", namespace = "AWS/RDS", metric = "FreeableMemory", dimensions = local.writer
      statistic   = "Minimum", threshold = var.least_database_memory_bytes, below = true
      description = "The writer runs out of memory. Count connections first: each holds some."
    }
    database-connections = {
      layer       = "database", namespace = "AWS/RDS", metric = "DatabaseConnections", dimensions = local.writer
      statistic   = "Maximum", threshold = var.most_database_connections
      description = "Connections come near the server's limit. A pool grew, or transactions do not end: look at pg_stat_activity."
    }
    cluster-nodes = {
      layer       = "cluster", namespace = "ContainerInsights", metric = "cluster_failed_node_count", dimensions = local.cluster
      statistic   = "Maximum", threshold = 0
      description = "A node does not work. Its pods are elsewhere by now; drain and replace it: docs/runbooks/drain-a-zone.md."
    }
    cluster-processor = {
      layer       = "cluster", namespace = "ContainerInsights", metric = "node_cpu_utilization", dimensions = local.cluster
      threshold   = 85, periods = 15
      description = "The nodes are busy although the autoscaler may add some. Is a node group at its largest?"
    }
  }
}
