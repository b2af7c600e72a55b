# Roles of the controllers that Helm installs, bound to their service accounts by pod identity. External Secrets has its
# own in service-identity, beside the secrets it reads.

locals {
  elb = "arn:aws:elasticloadbalancing:${var.region}:${var.account_id}"

  # Calls that describe know no resource but *. Bounding them by region is all that AWS offers.
  in_region = { StringEquals = { "aws:RequestedRegion" = var.region } }

  controllers = {
    cluster-autoscaler = {
      namespace       = "kube-system"
      service_account = "cluster-autoscaler"
      statements = [
        {
          Sid      = "Look"
          Effect   = "Allow"
          Resource = "*"
          Action = [
            "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLaunchConfigurations",
            "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags", "ec2:DescribeImages", "ec2:DescribeInstanceTypes",
            "ec2:DescribeLaunchTemplateVersions", "ec2:GetInstanceTypesFromInstanceRequirements",
          ]
          Condition = local.in_region
        },
        {
          # Labels of a group that has no node yet.
          Sid      = "LookAtGroups"
          Effect   = "Allow"
          Action   = ["eks:DescribeNodegroup"]
          Resource = ["arn:aws:eks:${var.region}:${var.account_id}:nodegroup/${var.name}/*/*"]
        },
        {
          Sid       = "Scale"
          Effect    = "Allow"
          Action    = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
          Resource  = ["arn:aws:autoscaling:${var.region}:${var.account_id}:autoScalingGroup:*:autoScalingGroupName/eks-*"]
          Condition = { StringEquals = { "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.name}" = "owned" } }
        },
      ]
    }

    # Terraform owns the load balancers; the controller fills their target groups with pods (TargetGroupBinding).
    load-balancer-controller = {
      namespace       = "kube-system"
      service_account = "aws-load-balancer-controller"
      statements = [
        {
          Sid      = "Look"
          Effect   = "Allow"
          Resource = "*"
          Action = [
            "ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets", "ec2:DescribeVpcs", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
          ]
          Condition = local.in_region
        },
        {
          Sid      = "Bind"
          Effect   = "Allow"
          Action   = ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"]
          Resource = ["${local.elb}:targetgroup/m-http*/*", "${local.elb}:targetgroup/m-stat*/*"]
        },
      ]
    }

    keda = {
      namespace       = "keda"
      service_account = "keda-operator"
      statements = concat(
        length(var.queue_arns) == 0 ? [] : [{
          Sid      = "Depth"
          Effect   = "Allow"
          Action   = ["sqs:GetQueueAttributes"]
          Resource = var.queue_arns
        }],
        [{
          # Reading metrics knows no resource but *.
          Sid       = "Age"
          Effect    = "Allow"
          Action    = ["cloudwatch:GetMetricData"]
          Resource  = "*"
          Condition = local.in_region
        }],
      )
    }
  }

  service_accounts = concat(
    [for one in values(local.addon_roles) : "${one.namespace}/${one.service_account}"],
    [for one in values(local.controllers) : "${one.namespace}/${one.service_account}"],
  )

  # Who may take a role: this cluster's pods, of the one service account.
  trust = {
    for account in local.service_accounts : account => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Action    = ["sts:AssumeRole", "sts:TagSession"]
        Principal = { Service = "pods.eks.amazonaws.com" }
        Condition = {
          StringEquals = {
            "aws:SourceAccount"                         = var.account_id
            "aws:RequestTag/kubernetes-namespace"       = split("/", account)[0]
            "aws:RequestTag/kubernetes-service-account" = split("/", account)[1]
          }
          ArnEquals = { "aws:SourceArn" = local.arn }
        }
      }]
    })
  }
}

resource "aws_iam_role" "controller" {
  for_each = local.controllers

  name               = "${var.name}-${each.key}"
  description        = "The controller ${each.key} of ${var.name}."
  assume_role_policy = local.trust["${each.value.namespace}/${each.value.service_account}"]

  tags = var.tags

  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "controller" {
  for_each = local.controllers

  name   = "controller"
  role   = aws_iam_role.controller[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value.statements })
}

resource "aws_eks_pod_identity_association" "controller" {
  for_each = local.controllers

  cluster_name    = aws_eks_cluster.this.name
  namespace       = each.value.namespace
  service_account = each.value.service_account
  role_arn        = aws_iam_role.controller[each.key].arn

  tags = var.tags
}
