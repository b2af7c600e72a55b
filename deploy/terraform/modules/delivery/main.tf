# From a commit to running pods in every region: source, image, then region by region what would change, a person's word,
# the infrastructure, the charts. The pipeline holds no rights of its own in a region: it assumes that region's roles, a step its own.

locals {
  buckets   = "arn:aws:s3:::${local.bucket}"
  bucket    = "${var.name}-pipeline-${var.account_id}-${var.region}"
  projects  = { for name in ["image", "plan", "apply", "deploy"] : name => "${var.name}-${name}" }
  log_group = "/meridian/${var.name}/pipeline"
}

resource "aws_codeconnections_connection" "this" {
  name          = var.name
  provider_type = var.source_repository.provider
  tags          = var.tags
}

resource "aws_codepipeline" "this" {
  name           = var.name
  role_arn       = aws_iam_role.pipeline.arn
  pipeline_type  = "V2"
  execution_mode = "QUEUED"
  tags           = var.tags

  artifact_store {
    type     = "S3"
    location = aws_s3_bucket.this.bucket

    encryption_key {
      type = "KMS"
      id   = var.keys.storage
    }
  }

  stage {
    name = "Source"

    action {
      name             = "commit"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeStarSourceConnection"
      version          = "1"
      namespace        = "source"
      output_artifacts = ["source"]

      configuration = {
        ConnectionArn        = aws_codeconnections_connection.this.arn
        FullRepositoryId     = var.source_repository.id
        BranchName           = var.source_repository.branch
        OutputArtifactFormat = "CODEBUILD_CLONE_REF" # a clone keeps links and history; an archive need not
        DetectChanges        = "true"
      }
    }
  }

  stage {
    name = "Image"

    action {
      name            = "image"
      category        = "Build"
      owner           = "AWS"
      provider        = "CodeBuild"
      version         = "1"
      input_artifacts = ["source"]

      configuration = {
        ProjectName          = aws_codebuild_project.this["image"].name
        EnvironmentVariables = jsonencode([{ name = "TAG", value = "#{source.CommitId}" }])
      }
    }
  }

  dynamic "stage" {
    for_each = var.regions

    content {
      name = stage.value.region

      action {
        name            = "plan"
        category        = "Build"
        owner           = "AWS"
        provider        = "CodeBuild"
        version         = "1"
        run_order       = 1
        input_artifacts = ["source"]

        configuration = {
          ProjectName          = aws_codebuild_project.this["plan"].name
          EnvironmentVariables = local.told[stage.value.region].plan
        }
      }

      action {
        name      = "approve"
        category  = "Approval"
        owner     = "AWS"
        provider  = "Manual"
        version   = "1"
        run_order = 2

        configuration = {
          NotificationArn = var.approval_topic_arn
          CustomData      = "Read the plan of ${stage.value.region} in the step before, and the dashboards of the regions that have this version. Then say yes."
        }
      }

      action {
        name            = "apply"
        category        = "Build"
        owner           = "AWS"
        provider        = "CodeBuild"
        version         = "1"
        run_order       = 3
        input_artifacts = ["source"]

        configuration = {
          ProjectName          = aws_codebuild_project.this["apply"].name
          EnvironmentVariables = local.told[stage.value.region].apply
        }
      }

      action {
        name            = "deploy"
        category        = "Build"
        owner           = "AWS"
        provider        = "CodeBuild"
        version         = "1"
        run_order       = 4
        input_artifacts = ["source"]

        configuration = {
          ProjectName          = aws_codebuild_project.this["deploy"].name
          EnvironmentVariables = local.told[stage.value.region].deploy
        }
      }
    }
  }
}

locals {
  told = {
    for row in var.regions : row.region => {
      for step, role in row.role_arns : step => jsonencode([
        { name = "TAG", value = "#{source.CommitId}" },
        { name = "TARGET_REGION", value = row.region },
        { name = "CLUSTER", value = row.cluster_name },
        { name = "ROLE", value = role },
      ])
    }
  }
}
