# Sourced: the shell goes on as the step's role in the region. usage: . assume.sh ROLE_ARN EXTERNAL_ID
credentials=$(aws sts assume-role --role-arn "$1" --external-id "$2" --role-session-name "pipeline-${TAG:0:12}" \
  --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text) || {
  echo "The role $1 could not be assumed: does it trust this account and know the external id?" >&2
  return 1
}
read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<<"$credentials"
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
