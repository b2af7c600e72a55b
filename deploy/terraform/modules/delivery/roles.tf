# Who may do what: the pipeline starts builds and carries what they hand on; a build clones the source and writes its log;
# only the image build may push; plan and apply may each take their own role in a region.

resource "aws_iam_role" "pipeline" {
  name               = "${var.name}-pipeline"
  description        = "Starts the builds of the delivery pipeline"
  assume_role_policy = data.aws_iam_policy_document.trust["codepipeline"].json
  tags               = var.tags
}

resource "aws_iam_role" "build" {
  for_each = local.projects

  name               = "${each.value}-build"
  description        = "What the pipeline's step ${each.key} may do"
  assume_role_policy = data.aws_iam_policy_document.trust["codebuild"].json
  tags               = var.tags
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(["codepipeline", "codebuild"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_iam_role_policy" "pipeline" {
  name   = "pipeline"
  role   = aws_iam_role.pipeline.id
  policy = data.aws_iam_policy_document.pipeline.json
}

data "aws_iam_policy_document" "pipeline" {
  statement {
    actions   = ["codeconnections:UseConnection", "codestar-connections:UseConnection"]
    resources = [aws_codeconnections_connection.this.arn]
  }
  statement {
    actions = ["codebuild:StartBuild", "codebuild:BatchGetBuilds"]
    resources = concat(
      [for project in values(local.projects) : "arn:aws:codebuild:${var.region}:${var.account_id}:project/${project}"],
      [for row in var.regions : "arn:aws:codebuild:${row.region}:${var.account_id}:project/${row.deploy_project}"],
    )
  }
  statement {
    actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
    resources = [for store in values(local.stores) : "arn:aws:s3:::${store.bucket}/*"]
  }
  statement {
    actions   = ["s3:GetBucketVersioning", "s3:GetBucketLocation"]
    resources = [for store in values(local.stores) : "arn:aws:s3:::${store.bucket}"]
  }
  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [for store in values(local.stores) : store.key_arn]
  }
  statement {
    actions   = ["sns:Publish"]
    resources = [var.approval_topic_arn]
  }
  statement {
    sid       = "ThePeoplesTopicIsEncrypted" # whoever publishes to it uses its key
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.keys.messaging]
  }
}

resource "aws_iam_role_policy" "build" {
  for_each = local.projects

  name   = "build"
  role   = aws_iam_role.build[each.key].id
  policy = data.aws_iam_policy_document.build.json
}

data "aws_iam_policy_document" "build" {
  statement {
    sid       = "CloneTheSource"
    actions   = ["codeconnections:UseConnection", "codestar-connections:UseConnection"]
    resources = [aws_codeconnections_connection.this.arn]
  }
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:log-stream:*"]
  }
  statement {
    actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
    resources = ["arn:aws:s3:::${local.stores[var.region].bucket}/*"]
  }
  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.stores[var.region].key_arn]
  }
}

resource "aws_iam_role_policy" "push" {
  name   = "push"
  role   = aws_iam_role.build["image"].id
  policy = data.aws_iam_policy_document.push.json
}

data "aws_iam_policy_document" "push" {
  statement {
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload",
      "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
    ]
    resources = [for name in sort(var.repositories) : "arn:aws:ecr:${var.region}:${var.account_id}:repository/meridian/${name}"]
  }
  statement {
    sid       = "SignInKnowsNoResource" # AWS offers none for this action
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "assume" {
  for_each = { for name, project in local.projects : name => project if name != "image" }

  name   = "assume"
  role   = aws_iam_role.build[each.key].id
  policy = data.aws_iam_policy_document.assume[each.key].json
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["plan", "apply"])

  statement {
    actions   = ["sts:AssumeRole"]
    resources = [for row in var.regions : row.role_arns[each.key]]
  }
}
