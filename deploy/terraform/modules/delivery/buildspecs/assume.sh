# Sourced: what follows calls AWS as the step's role in the region. usage: . assume.sh ROLE_ARN EXTERNAL_ID
# A role that was taken by another role is lent for an hour, and a step may take longer. So no credentials are fetched here:
# every program reads from the profile whose role to take, and takes it again before the hour is over.
AWS_CONFIG_FILE=$(mktemp)
cat >"$AWS_CONFIG_FILE" <<PROFILE
[profile step]
role_arn = $1
external_id = $2
role_session_name = pipeline-${TAG:0:12}
credential_source = EcsContainer
PROFILE
export AWS_CONFIG_FILE AWS_PROFILE=step
aws sts get-caller-identity --query Arn --output text || {
  echo "The role $1 could not be assumed: does it trust this account and know the external id?" >&2
  return 1
}
