# The cluster of staging: production in small.
log_days = 90

node_groups = {
  general = { instance_type = "m5.large", min = 3, max = 6 }
  compute = { instance_type = "c5.xlarge", min = 1, max = 6 }
  memory  = { instance_type = "r5.2xlarge", min = 0, max = 2 }
}
