variable "name" {
  description = "Name of the recorder: meridian-prod"
  type        = string
}

variable "region" {
  description = "The region that is recorded"
  type        = string
}

variable "account_id" {
  description = "The account that is recorded"
  type        = string
}

variable "bucket_name" {
  description = "AWS Config's bucket in the master region, without a default retention"
  type        = string
}

variable "bucket_key_arn" {
  description = "The key that encrypts that bucket"
  type        = string
}

variable "records_global_types" {
  description = "True in one region alone, the master: IAM would be recorded, and paid for, once per region otherwise"
  type        = bool
}

variable "rules" {
  description = "AWS managed rules by identifier, with their parameters"
  type        = map(map(string))
  default = {
    CLOUD_TRAIL_ENABLED                              = {}
    CMK_BACKING_KEY_ROTATION_ENABLED                 = {}
    EC2_EBS_ENCRYPTION_BY_DEFAULT                    = {}
    EKS_ENDPOINT_NO_PUBLIC_ACCESS                    = {}
    EKS_SECRETS_ENCRYPTED                            = {}
    ELASTICACHE_REDIS_CLUSTER_AUTOMATIC_BACKUP_CHECK = {}
    INCOMING_SSH_DISABLED                            = {}
    RDS_CLUSTER_DELETION_PROTECTION_ENABLED          = {}
    RDS_INSTANCE_PUBLIC_ACCESS_CHECK                 = {}
    RDS_STORAGE_ENCRYPTED                            = {}
    S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED         = {}
    S3_BUCKET_SSL_REQUESTS_ONLY                      = {}
    SECRETSMANAGER_ROTATION_ENABLED_CHECK            = {}
    VPC_DEFAULT_SECURITY_GROUP_CLOSED                = {}
    VPC_FLOW_LOGS_ENABLED                            = {}
    REQUIRED_TAGS                                    = { tag1Key = "application", tag2Key = "environment" }
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource"
  type        = map(string)
  default     = {}
}
