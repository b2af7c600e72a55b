# The most that a role of a region may ever be given. It gives nothing: a role may do what both its own policies and this
# one allow. The pipeline makes roles only with it, and cannot change it.

resource "aws_iam_policy" "this" {
  name        = "${var.name}-boundary"
  description = "The most that a role of ${var.name} may be given"
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # AWS Config reads every service there is, so what is left out is named, not what is in.
        Sid       = "EverythingButIdentities"
        Effect    = "Allow"
        NotAction = ["account:*", "iam:*", "identitystore:*", "organizations:*", "sso:*", "sts:*"]
        Resource  = "*"
      },
      {
        Sid      = "LooksAtIdentities"
        Effect   = "Allow"
        Action   = ["iam:Get*", "iam:List*", "sts:GetCallerIdentity"]
        Resource = "*"
      },
      {
        Sid      = "HandsOnWhatIsBounded" # a restore hands the nodes' role to the nodes it brings back
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = [for region in var.regions : "${local.iam}:role/${var.name}-${region}-*"]
      },
      {
        Sid      = "HasServicesMakeTheirOwn" # the control plane's, for load balancers and groups of nodes
        Effect   = "Allow"
        Action   = ["iam:CreateServiceLinkedRole"]
        Resource = ["${local.iam}:role/aws-service-role/*"]
      },
      {
        Sid      = "Deploys"
        Effect   = "Allow"
        Action   = ["sts:AssumeRole"]
        Resource = [for region in var.regions : "${local.iam}:role/${var.name}-${region}-deploy"]
      },
      {
        Sid      = "LeavesTheTrailAlone"
        Effect   = "Deny"
        Action   = ["cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors", "cloudtrail:StopLogging", "cloudtrail:UpdateTrail"]
        Resource = ["arn:aws:cloudtrail:*:${var.account_id}:trail/*"]
      },
    ]
  })
}

locals {
  iam = "arn:aws:iam::${var.account_id}"
}
