# The cluster of dev: every kind of node, few of each.
log_days = 30

node_groups = {
  general = { instance_type = "m5.large", min = 2, max = 4 }
  compute = { instance_type = "c5.xlarge", min = 0, max = 2 }
  memory  = { instance_type = "r5.2xlarge", min = 0, max = 1 }
}
