# A vault nobody can empty: recovery points are kept at least and at most for the days given, and while it is locked not
# even the account's owner shortens that. One in the region, one in the copy region (with that region's provider).

resource "aws_backup_vault" "this" {
  name        = var.name
  kms_key_arn = var.kms_key_arn
  tags        = var.tags
}

# With `changeable_days` the lock becomes final when they have passed (compliance mode); without, it is governance mode.
resource "aws_backup_vault_lock_configuration" "this" {
  backup_vault_name   = aws_backup_vault.this.name
  min_retention_days  = var.retention_days.least
  max_retention_days  = var.retention_days.most
  changeable_for_days = var.changeable_days
}

resource "aws_backup_vault_policy" "this" {
  backup_vault_name = aws_backup_vault.this.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "NobodyDeletes"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action = [
          "backup:DeleteBackupVault", "backup:DeleteBackupVaultAccessPolicy", "backup:DeleteRecoveryPoint",
          "backup:PutBackupVaultAccessPolicy", "backup:UpdateRecoveryPointLifecycle",
        ]
        Resource  = "*" # in a vault's policy: this vault and what it holds
        Condition = { ArnNotLike = { "aws:PrincipalArn" = ["arn:aws:iam::${var.account_id}:role/${var.keeper_role}"] } }
      },
      {
        Sid       = "ThisAccountOnly"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = ["backup:CopyIntoBackupVault", "backup:CopyFromBackupVault", "backup:StartRestoreJob"]
        Resource  = "*"
        Condition = { StringNotEquals = { "aws:PrincipalAccount" = var.account_id } }
      },
    ]
  })
}
