output "edge" {
  description = "The region's way in."
  value = {
    shape             = var.shape
    endpoint          = local.endpoint
    load_balancer     = local.balancer.arn_suffix # as CloudWatch names it
    target_group_arns = local.balancer.target_group_arns
  }
}
