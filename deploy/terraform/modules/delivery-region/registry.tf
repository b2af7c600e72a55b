# ECR makes a repository for each copy of an image that arrives from the master region. Without a form it would be one
# whose tags can change, under no key of ours.

resource "aws_ecr_repository_creation_template" "this" {
  prefix               = "meridian"
  description          = "Copies of Meridian's images"
  applied_for          = ["REPLICATION"]
  image_tag_mutability = "IMMUTABLE"
  custom_role_arn      = aws_iam_role.copies.arn
  resource_tags        = var.tags

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.keys.storage
  }

  lifecycle_policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Enough versions to roll back to"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = var.kept_images }
      action       = { type = "expire" }
    }]
  })

  depends_on = [aws_iam_role_policy.copies]
}

resource "aws_iam_role" "copies" {
  name        = "${var.name}-image-copies"
  description = "ECR makes repositories for copies of images in ${var.region}"
  tags        = var.tags

  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecr.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "copies" {
  name = "copies"
  role = aws_iam_role.copies.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "MakesRepositories"
        Effect   = "Allow"
        Action   = ["ecr:CreateRepository", "ecr:PutLifecyclePolicy", "ecr:ReplicateImage", "ecr:TagResource"]
        Resource = ["arn:aws:ecr:${var.region}:${var.account_id}:repository/meridian/*"]
      },
      {
        Sid      = "UnderTheKey"
        Effect   = "Allow"
        Action   = ["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"]
        Resource = [var.keys.storage]
      },
    ]
  })
}
