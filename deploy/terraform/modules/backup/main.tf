# When AWS Backup saves what carries the tag, for how long, and the copy it makes in the copy region. Point-in-time
# recovery (35 days) is the database's own; this is what remains after somebody deleted the cluster. The stack operations
# tells of what fails: it makes the topic.

locals {
  tag = { key = "backup", value = var.name }
}

resource "aws_backup_plan" "this" {
  name = var.name
  tags = var.tags

  dynamic "rule" {
    for_each = var.rules

    content {
      rule_name         = rule.key
      target_vault_name = var.vaults.own_name
      schedule          = rule.value.schedule
      start_window      = 60
      completion_window = 360

      enable_continuous_backup = false # the database's own recovery reaches any second

      lifecycle {
        delete_after = rule.value.keep_days
      }

      copy_action {
        destination_vault_arn = var.vaults.copy_arn

        lifecycle {
          delete_after = rule.value.copy_keep_days
        }
      }
    }
  }
}

# What can be saved is named by its type: where a selection has nothing but a tag, AWS Backup leaves out, in silence, the types
# that the account has not opted in to, and S3 is one of them in a new account.
resource "aws_backup_selection" "this" {
  name         = "by-tag"
  plan_id      = aws_backup_plan.this.id
  iam_role_arn = aws_iam_role.this.arn
  resources    = ["arn:aws:rds:*:*:cluster:*", "arn:aws:rds:*:*:db:*", "arn:aws:s3:::*"]

  condition {
    string_equals {
      key   = "aws:ResourceTag/${local.tag.key}"
      value = local.tag.value
    }
  }
}

resource "aws_iam_role" "this" {
  name = "${var.name}-backup"
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "backup.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })

  permissions_boundary = var.permissions_boundary
}

# Buckets carry the tag, too, and have policies of their own, which are not under service-role/.
resource "aws_iam_role_policy_attachment" "this" {
  for_each = toset([
    "service-role/AWSBackupServiceRolePolicyForBackup", "service-role/AWSBackupServiceRolePolicyForRestores",
    "AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore",
  ])

  role       = aws_iam_role.this.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}
