# Data of staging: every part of prod, in small.
copy_regions = {
  us-east-1  = "us-west-2"
  eu-west-1  = "eu-central-1"
  ap-south-1 = "ap-south-2"
}

database = {
  sizes     = { instance_class = "db.r5.large", replicas = 2, most_replicas = 4, disk = 400 }
  retention = { backup = 14, logs = 30, performance_insights = 7 }
}

cache = {
  sizes         = { node_type = "cache.t4g.medium", shards = 3, replicas = 1 }
  snapshot_days = 3
}

deletion = { recovery_days = 14, lock_final = false }
