# What the delivery pipeline may do in a region: one role to look, one to build, one to deploy, each taken by that step's
# build alone and only with the external id. Who builds can give rights, so a person reads the plan before; the pipeline's
# own three roles only a person changes.

locals {
  steps  = toset(["plan", "apply", "deploy"])
  states = "arn:aws:s3:::${var.state_bucket}"
  iam    = "arn:aws:iam::${var.account_id}"
  own    = [for step in local.steps : "${local.iam}:role/${var.name}-${step}"]

  # What the managed policies below leave out.
  statements = {
    plan = [{
      Sid      = "LocksTheStates"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject", "s3:PutObject"]
      Resource = ["${local.states}/${var.environment}/${var.region}/*.tflock"]
    }]
    apply = [
      {
        Sid    = "GivesRightsToMeridiansOwnRoles"
        Effect = "Allow"
        Action = [
          "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
          "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
          "iam:ListRolePolicies", "iam:PassRole", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole",
          "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
        ]
        Resource = ["${local.iam}:role/meridian-${var.environment}-*"]
      },
      {
        Sid    = "KnowsTheClustersIssuer"
        Effect = "Allow"
        Action = [
          "iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider", "iam:GetOpenIDConnectProvider",
          "iam:TagOpenIDConnectProvider", "iam:UntagOpenIDConnectProvider",
        ]
        Resource = ["${local.iam}:oidc-provider/oidc.eks.${var.region}.amazonaws.com/id/*"]
      },
      {
        Sid    = "LeavesThePipelinesRolesAlone"
        Effect = "Deny"
        Action = [
          "iam:AttachRolePolicy", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy",
          "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
        ]
        Resource = local.own
      },
    ]
    deploy = [
      {
        # Stacks are told what others made, and what exists once is the master region's.
        Sid      = "ReadsTheStates"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:ListBucket"]
        Resource = [local.states, "${local.states}/${var.environment}/*"]
      },
      {
        Sid      = "FindsTheCluster"
        Effect   = "Allow"
        Action   = ["eks:DescribeCluster"]
        Resource = ["arn:aws:eks:${var.region}:${var.account_id}:cluster/${var.cluster_name}"]
      },
    ]
  }

  # AWS keeps these lists as its services grow. To read does not include to decrypt: buckets with data stay closed to a
  # plan. To build is everything but IAM, organisations and accounts.
  managed = { plan = "arn:aws:iam::aws:policy/ReadOnlyAccess", apply = "arn:aws:iam::aws:policy/PowerUserAccess" }
}

resource "aws_iam_role" "this" {
  for_each = local.steps

  name                 = "${var.name}-${each.key}"
  description          = "The pipeline's step ${each.key} in ${var.region}"
  max_session_duration = 3600
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${var.pipeline.account_id}:root" }
      Action    = ["sts:AssumeRole"]
      Condition = {
        StringEquals = { "sts:ExternalId" = var.pipeline.external_id }
        ArnEquals    = { "aws:PrincipalArn" = "arn:aws:iam::${var.pipeline.account_id}:role/${var.pipeline.name}-${each.key}-build" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.statements

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.managed

  role       = aws_iam_role.this[each.key].name
  policy_arn = each.value
}
