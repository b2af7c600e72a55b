# Where the states of prod are kept; the driver adds the key, <environment>/<region>/<stack>.tfstate.
bucket       = "meridian-prod-terraform-state"
region       = "us-east-1"
encrypt      = true
use_lockfile = true
