# Where the states of prod are kept; the driver adds the key, <environment>/<region>/<stack>.tfstate. The bucket encrypts with
# a key of ours; `encrypt = true` would ask for S3's own instead.
bucket       = "meridian-prod-terraform-state"
region       = "us-east-1"
use_lockfile = true
