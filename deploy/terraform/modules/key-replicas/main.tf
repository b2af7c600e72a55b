# Replicas of multi-region keys, in the region of the provider it is given: copies made there of data, secrets and backups
# can be read when the first region is gone.

resource "aws_kms_replica_key" "this" {
  for_each = var.primary_key_arns

  primary_key_arn         = each.value
  description             = "${var.name} ${each.key}: replica"
  policy                  = var.policies[each.key]
  deletion_window_in_days = var.recovery_days
  tags                    = merge(var.tags, { purpose = each.key })
}

resource "aws_kms_alias" "this" {
  for_each = var.primary_key_arns

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_replica_key.this[each.key].key_id
}
