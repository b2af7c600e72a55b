# The cluster of staging: production in small.
log_days = 90

node_groups = {
  general = { instance_type = "m5.large", min = 3, max = 6 }
  compute = { instance_type = "c5.xlarge", min = 1, max = 6 }
  memory  = { instance_type = "r5.2xlarge", min = 0, max = 2 }
}

# Who may use kubectl: the roles that your people take. The API answers inside the VPC alone; name the addresses of your
# VPN to have it answer there too.
access_entries = {
  operators = { principal_arn = "arn:aws:iam::444455556666:role/meridian-operators", policy = "AmazonEKSClusterAdminPolicy" }
  on_call   = { principal_arn = "arn:aws:iam::444455556666:role/meridian-on-call", policy = "AmazonEKSAdminViewPolicy" }
}
public_access_cidrs = []

# The account whose builds plan and apply; null is this environment's own.
pipeline_account_id = null
