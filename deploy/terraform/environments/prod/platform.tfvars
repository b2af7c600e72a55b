# The cluster of prod.
log_days = 365

node_groups = {
  general = { instance_type = "m5.large", min = 3, max = 12 }
  compute = { instance_type = "c5.xlarge", min = 3, max = 24 }
  memory  = { instance_type = "r5.2xlarge", min = 0, max = 6 }
}
