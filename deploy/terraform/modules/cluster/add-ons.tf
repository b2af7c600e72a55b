# EKS's own add-ons. Those that make a node a node come before the first node, the others need nodes to run on.

locals {
  # /24 subnets hold 251 addresses for nodes and pods: the plugin keeps five spare per node, not a whole interface's worth.
  network_addons = {
    vpc-cni                = jsonencode({ enableNetworkPolicy = "true", env = { WARM_IP_TARGET = "5", MINIMUM_IP_TARGET = "10" } })
    kube-proxy             = null
    eks-pod-identity-agent = null
  }

  workload_addons = toset(["coredns", "aws-ebs-csi-driver", "metrics-server", "amazon-cloudwatch-observability"])

  # Add-ons that call AWS, the service account they do it as, and Amazon's policy for it.
  addon_roles = {
    vpc-cni                         = { service_account = "aws-node", namespace = "kube-system", policy = "AmazonEKS_CNI_Policy" }
    aws-ebs-csi-driver              = { service_account = "ebs-csi-controller-sa", namespace = "kube-system", policy = "service-role/AmazonEBSCSIDriverPolicy" }
    amazon-cloudwatch-observability = { service_account = "cloudwatch-agent", namespace = "amazon-cloudwatch", policy = "CloudWatchAgentServerPolicy" }
  }
}

resource "aws_iam_role" "addon" {
  for_each = local.addon_roles

  name               = "${var.name}-${each.key}"
  description        = "The add-on ${each.key} of ${var.name}."
  assume_role_policy = local.trust["${each.value.namespace}/${each.value.service_account}"]

  tags = var.tags

  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy_attachment" "addon" {
  for_each = local.addon_roles

  role       = aws_iam_role.addon[each.key].name
  policy_arn = "arn:aws:iam::aws:policy/${each.value.policy}"
}

resource "aws_eks_addon" "network" {
  for_each = local.network_addons

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  configuration_values        = each.value
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = contains(keys(local.addon_roles), each.key) ? [local.addon_roles[each.key]] : []

    content {
      role_arn        = aws_iam_role.addon[each.key].arn
      service_account = pod_identity_association.value.service_account
    }
  }

  tags = var.tags
}

resource "aws_eks_addon" "workload" {
  for_each = local.workload_addons

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = contains(keys(local.addon_roles), each.key) ? [local.addon_roles[each.key]] : []

    content {
      role_arn        = aws_iam_role.addon[each.key].arn
      service_account = pod_identity_association.value.service_account
    }
  }

  tags = var.tags

  depends_on = [aws_eks_node_group.this]
}
