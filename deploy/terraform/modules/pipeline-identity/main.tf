# What the delivery pipeline may do in a region: one role to look, one to build, one to deploy, each taken by that step's
# build alone and only with the external id. Who builds makes roles too, but none that may do more than the boundary, which
# only a person changes, as these three roles. So the pipeline cannot make itself an administrator, whatever a plan says.

locals {
  steps  = toset(["plan", "apply", "deploy"])
  states = "arn:aws:s3:::${var.state_bucket}"
  iam    = "arn:aws:iam::${var.account_id}"
  own    = [for step in local.steps : "${local.iam}:role/${var.name}-${step}"]
  roles  = ["${local.iam}:role/${var.name}-*"]

  # Charts are installed from inside the region's VPC (module delivery-region), so by a build of the region's account.
  builders = {
    plan   = { account_id = var.pipeline.account_id, role = "${var.pipeline.name}-plan-build" }
    apply  = { account_id = var.pipeline.account_id, role = "${var.pipeline.name}-apply-build" }
    deploy = { account_id = var.account_id, role = "${var.name}-deploy-build" }
  }

  # Who may be given one of the region's roles: what the modules make roles for, see tests/terraform/test_policies.py.
  passed_to = [
    "apigateway.amazonaws.com", "appconfig.amazonaws.com", "backup.amazonaws.com", "codebuild.amazonaws.com", "config.amazonaws.com",
    "ec2.amazonaws.com", "ecr.amazonaws.com", "eks.amazonaws.com", "export.rds.amazonaws.com", "firehose.amazonaws.com", "lambda.amazonaws.com",
    "logs.amazonaws.com", "monitoring.rds.amazonaws.com", "pipes.amazonaws.com", "pods.eks.amazonaws.com", "s3.amazonaws.com",
    "scheduler.amazonaws.com", "sns.amazonaws.com", "vpc-flow-logs.amazonaws.com",
  ]

  # The states lie under a key that has this alias; the alias says which, whatever its id.
  states_key = {
    Sid       = "UsesTheKeyOfTheStates"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource  = ["arn:aws:kms:${var.state_region}:${var.account_id}:key/*"]
    Condition = { "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = "alias/${var.state_bucket}" } }
  }

  # What the managed policies below leave out.
  statements = {
    plan = [
      {
        Sid      = "LocksTheStates"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:PutObject"]
        Resource = ["${local.states}/${var.environment}/${var.region}/*.tflock"]
      },
      {
        # Lambda shows a function's variables to nobody who may not open them, and each plan would then set them anew.
        Sid       = "SeesTheVariablesOfFunctions"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = ["arn:aws:kms:${var.region}:${var.account_id}:key/*"]
        Condition = { ArnLike = { "kms:EncryptionContext:aws:lambda:FunctionArn" = "arn:aws:lambda:${var.region}:${var.account_id}:function:${var.name}-*" } }
      },
      local.states_key,
    ]
    apply = [
      {
        Sid    = "GivesRightsWithinTheBoundary"
        Effect = "Allow"
        Action = [
          "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
          "iam:PutRolePolicy",
        ]
        Resource  = local.roles
        Condition = { StringEquals = { "iam:PermissionsBoundary" = var.permissions_boundary } }
      },
      {
        Sid    = "KeepsTheRegionsRoles"
        Effect = "Allow"
        Action = [
          "iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
          "iam:ListRolePolicies", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
        ]
        Resource = local.roles
      },
      {
        Sid       = "HandsThemToServices"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = local.roles
        Condition = { StringEquals = { "iam:PassedToService" = local.passed_to } }
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
          "iam:AttachRolePolicy", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PassRole",
          "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
        ]
        Resource = local.own
      },
      {
        Sid      = "LeavesTheBoundaryAlone"
        Effect   = "Deny"
        Action   = ["iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion"]
        Resource = [var.permissions_boundary]
      },
      {
        Sid      = "TakesNoBoundaryAway"
        Effect   = "Deny"
        Action   = ["iam:DeleteRolePermissionsBoundary"]
        Resource = ["${local.iam}:role/*"]
      },
      {
        # A role that trusts its whole account, as an administrator's often does, is not to be had from here.
        Sid      = "BecomesNobodyElse"
        Effect   = "Deny"
        Action   = ["sts:AssumeRole"]
        Resource = ["arn:aws:iam::*:role/*"]
      },
      local.states_key,
    ]
    deploy = [{
      Sid      = "FindsTheCluster"
      Effect   = "Allow"
      Action   = ["eks:DescribeCluster"]
      Resource = ["arn:aws:eks:${var.region}:${var.account_id}:cluster/${var.cluster_name}"]
    }]
  }

  # AWS keeps these lists as its services grow. To read does not include to decrypt, nor the values of secrets: what a region
  # keeps stays closed to a plan. To build is everything but IAM, organisations and accounts.
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
      Principal = { AWS = "arn:aws:iam::${local.builders[each.key].account_id}:root" }
      Action    = ["sts:AssumeRole"]
      Condition = {
        StringEquals = { "sts:ExternalId" = var.pipeline.external_id }
        ArnEquals    = { "aws:PrincipalArn" = "arn:aws:iam::${local.builders[each.key].account_id}:role/${local.builders[each.key].role}" }
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
