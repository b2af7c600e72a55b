# Data of dev: every part, as small as it comes, and meant to be destroyed.
copy_regions = {
  us-east-1  = "us-west-2"
  eu-west-1  = "eu-central-1"
  ap-south-1 = "ap-south-2"
}

database = {
  sizes     = { instance_class = "db.t4g.medium", replicas = 1, most_replicas = 2, disk = 50 }
  retention = { backup = 7, logs = 7, performance_insights = 7 }
  protected = false
}

cache = {
  sizes         = { node_type = "cache.t4g.small", shards = 1, replicas = 1 }
  snapshot_days = 1
}

deletion = { recovery_days = 7, lock_final = false }
