mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-s3-replication" }
  }
}

variables {
  name       = "meridian-prod"
  region     = "us-east-1"
  account_id = "111122223333"
  kms_key_arns = {
    storage   = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000001"
    warehouse = "arn:aws:kms:us-east-1:111122223333:key/mrk-00000000000040008000000000000002"
  }
  replicate_to = {
    for purpose in ["static-assets", "logs", "backups", "warehouse"] : purpose => {
      arn         = "arn:aws:s3:::meridian-prod-${purpose}-111122223333-us-west-2"
      kms_key_arn = "arn:aws:kms:us-west-2:111122223333:key/mrk-00000000000040008000000000000001"
    }
  }
}

run "the_buckets_of_the_topology" {
  assert {
    condition     = toset(keys(aws_s3_bucket.this)) == toset(["static-assets", "logs", "backups", "warehouse", "access-logs"])
    error_message = "Static assets, logs, backups, warehouse, and the access log."
  }

  assert {
    condition     = aws_s3_bucket.this["static-assets"].bucket == "meridian-prod-static-assets-111122223333-us-east-1"
    error_message = "Bucket names say purpose, account and region."
  }

  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.this : one(versioning.versioning_configuration).status == "Enabled"])
    error_message = "Every bucket keeps versions."
  }

  assert {
    condition = alltrue([for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == 5
    error_message = "No bucket can be made public."
  }

  assert {
    condition     = alltrue([for ownership in aws_s3_bucket_ownership_controls.this : one(ownership.rule).object_ownership == "BucketOwnerEnforced"])
    error_message = "There are no ACLs."
  }

  assert {
    condition = alltrue([for purpose in ["static-assets", "logs", "backups", "warehouse"] :
      one(one(aws_s3_bucket_server_side_encryption_configuration.this[purpose].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    ])
    error_message = "Buckets are encrypted with KMS."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this["warehouse"].rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arns["warehouse"]
    error_message = "The warehouse has a key of its own."
  }

  assert {
    condition     = alltrue([for logging in aws_s3_bucket_logging.this : logging.target_prefix != ""]) && length(aws_s3_bucket_logging.this) == 4
    error_message = "Access to every bucket is logged."
  }
}

run "objects_age" {
  assert {
    condition = alltrue([for lifecycle in aws_s3_bucket_lifecycle_configuration.this :
      lifecycle.rule[0].status == "Enabled" && length(lifecycle.rule[0].abort_incomplete_multipart_upload) == 1 && length(lifecycle.rule[0].noncurrent_version_expiration) == 1
    ]) && length(aws_s3_bucket_lifecycle_configuration.this) == 5
    error_message = "Every bucket forgets aborted uploads and old versions."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["logs"].rule[0].expiration[0].days == 400
    error_message = "Logs are kept for 400 days."
  }

  assert {
    condition     = { for step in aws_s3_bucket_lifecycle_configuration.this["backups"].rule[0].transition : step.storage_class => step.days } == { STANDARD_IA = 30, GLACIER_IR = 90 }
    error_message = "Backups get cheaper after 30 and 90 days."
  }
}

run "every_bucket_has_a_copy_in_another_region" {
  assert {
    condition     = toset(keys(aws_s3_bucket_replication_configuration.this)) == toset(["static-assets", "logs", "backups", "warehouse"])
    error_message = "All four are replicated."
  }

  assert {
    condition = alltrue([for purpose, replication in aws_s3_bucket_replication_configuration.this :
      replication.rule[0].destination[0].bucket == "arn:aws:s3:::meridian-prod-${purpose}-111122223333-us-west-2"
      && replication.rule[0].source_selection_criteria[0].sse_kms_encrypted_objects[0].status == "Enabled"
      && replication.rule[0].destination[0].replication_time[0].time[0].minutes == 15
    ])
    error_message = "Encrypted objects are copied too, within 15 minutes."
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.replication["this"].policy).Statement :
      !strcontains(jsonencode(statement.Action), "*") && !contains(flatten([statement.Resource]), "*")
    ])
    error_message = "Replication may do what it needs, on these buckets."
  }
}

run "copies_are_not_copied_again" {
  variables {
    region       = "us-west-2"
    replicate_to = {}
  }

  assert {
    condition     = length(aws_s3_bucket_replication_configuration.this) == 0 && length(aws_iam_role.replication) == 0
    error_message = "The copy region has buckets and no replication."
  }

  assert {
    condition     = output.buckets["backups"].name == "meridian-prod-backups-111122223333-us-west-2"
    error_message = "The copy is named after its region."
  }
}

run "policies" {
  assert {
    condition = alltrue([for policy in aws_s3_bucket_policy.this : anytrue([
      for statement in jsondecode(policy.policy).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && length(statement.Resource) == 2 && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
    ])])
    error_message = "Every bucket refuses plain HTTP, for itself and for its objects."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_s3_bucket_policy.this : [
      for statement in jsondecode(policy.policy).Statement :
      can(statement.Principal.Service) && !strcontains(jsonencode(statement.Action), "*") && !contains(flatten([statement.Resource]), "*") && length(statement.Condition) == 1
      if statement.Effect == "Allow"
    ]]))
    error_message = "Only AWS services are let in, for single actions on the bucket, on condition."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_s3_bucket_policy.this["static-assets"].policy).Statement :
      try(statement.Principal.Service, "") == "cloudfront.amazonaws.com" && statement.Action == "s3:GetObject"
    ])
    error_message = "CloudFront reads static assets (origin access control)."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_s3_bucket_policy.this["backups"].policy).Statement : statement.Effect == "Deny"])
    error_message = "Nobody outside the account's roles touches backups."
  }
}

run "a_missing_bucket_is_refused" {
  command = plan
  variables {
    buckets      = { logs = { key = "storage" } }
    replicate_to = {}
  }
  expect_failures = [var.buckets]
}

run "a_lifecycle_out_of_order_is_refused" {
  command = plan
  variables {
    replicate_to = {}
    buckets = {
      static-assets = { key = "storage" }
      logs          = { key = "storage", infrequent_days = 90, archive_days = 30 }
      backups       = { key = "storage" }
      warehouse     = { key = "warehouse" }
    }
  }
  expect_failures = [var.buckets]
}

run "the_aws_managed_key_is_refused" {
  command = plan
  variables {
    kms_key_arns = { storage = "alias/aws/s3", warehouse = "alias/aws/s3" }
  }
  expect_failures = [var.kms_key_arns]
}

run "replicating_an_unknown_bucket_is_refused" {
  command = plan
  variables {
    replicate_to = { media = { arn = "arn:aws:s3:::x", kms_key_arn = "arn:aws:kms:us-west-2:111122223333:key/x" } }
  }
  expect_failures = [var.replicate_to]
}

run "a_name_too_long_for_a_bucket_is_refused" {
  command = plan
  variables {
    name = "meridian-production-of-everything"
  }
  expect_failures = [var.name]
}
