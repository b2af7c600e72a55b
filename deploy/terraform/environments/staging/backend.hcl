# Where the states of staging are kept; the driver adds the key, <environment>/<region>/<stack>.tfstate.
bucket       = "meridian-staging-terraform-state"
region       = "us-east-1"
encrypt      = true
use_lockfile = true
