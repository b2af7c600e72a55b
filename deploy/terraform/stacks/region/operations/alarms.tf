# The region's alarms as a table. What each says is read by whoever it woke: what is wrong, and where to look first.

locals {
  load_balancer = { LoadBalancer = split("loadbalancer/", var.edge.alb_arn)[1] }
  writer        = { DBClusterIdentifier = var.data.database.identifier, Role = "WRITER" }
  readers       = { DBClusterIdentifier = var.data.database.identifier, Role = "READER" }
  cache         = { ReplicationGroupId = var.data.cache.id }
  cluster       = { ClusterName = var.platform.cluster_name }

  alarms = {
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
    database-processor = {
      layer       = "database", namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = local.writer
      threshold   = 85, periods = 10
      description = "The writer is busy. Look at Performance Insights for the statement that is new, then at the hot SKU's buckets."
    }
    database-readers-processor = {
      layer       = "database", namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = local.readers
      threshold   = 85, periods = 15
      description = "Readers are busy although their number scales. Is auto-scaling at its largest, or one statement wrong?"
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
    database-replicas-behind = {
      layer       = "database", namespace = "AWS/RDS", metric = "AuroraReplicaLagMaximum", dimensions = { DBClusterIdentifier = var.data.database.identifier }
      statistic   = "Maximum", threshold = 1000
      description = "A replica is more than a second behind: reads that must see their own writes all go to the writer now."
    }
    cache-processor = {
      layer       = "cache", namespace = "AWS/ElastiCache", metric = "EngineCPUUtilization", dimensions = local.cache
      statistic   = "Maximum", threshold = 80
      description = "A shard's only processor is busy: sessions and rate limits become slow. Look for one hot key."
    }
    cache-memory = {
      layer       = "cache", namespace = "AWS/ElastiCache", metric = "DatabaseMemoryUsagePercentage", dimensions = local.cache
      statistic   = "Maximum", threshold = 80
      description = "A shard is nearly full: soon keys are evicted, and people logged out. Add a shard, or find what grows."
    }
    cache-replicas-behind = {
      layer       = "cache", namespace = "AWS/ElastiCache", metric = "ReplicationLag", dimensions = local.cache
      statistic   = "Maximum", threshold = 5
      description = "A cache replica is seconds behind: a failover now would lose sessions."
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
