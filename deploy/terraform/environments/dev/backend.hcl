# Where the states of dev are kept; the driver adds the key, <environment>/<region>/<stack>.tfstate.
bucket       = "meridian-dev-terraform-state"
region       = "us-east-1"
encrypt      = true
use_lockfile = true
