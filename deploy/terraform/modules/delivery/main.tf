# From a commit to running pods in every region: source, image, then region by region what would change, a person's word,
# exactly that and nothing else, the charts. The pipeline holds no rights of its own in a region: a step takes the region's
# role for it. Plans and charts are handed on as files, so what is applied is what was read.

locals {
  projects  = { for name in ["image", "plan", "apply"] : name => "${var.name}-${name}" }
  log_group = "/meridian/${var.name}/pipeline"
  stores    = { for row in var.regions : row.region => row.store }

  # Names of what is handed on; CodeBuild makes variables of them.
  plans  = { for row in var.regions : row.region => "plans_${replace(row.region, "-", "_")}" }
  charts = { for row in var.regions : row.region => "charts_${replace(row.region, "-", "_")}" }
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

  # Builds run in their region, and what they are handed is carried there.
  dynamic "artifact_store" {
    for_each = local.stores

    content {
      type     = "S3"
      location = artifact_store.value.bucket
      region   = length(local.stores) == 1 ? null : artifact_store.key # AWS wants it said only where there is a choice

      encryption_key {
        type = "KMS"
        id   = artifact_store.value.key_arn
      }
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
        name             = "plan"
        category         = "Build"
        owner            = "AWS"
        provider         = "CodeBuild"
        version          = "1"
        run_order        = 1
        input_artifacts  = ["source"]
        output_artifacts = [local.plans[stage.value.region]]

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
          CustomData      = "Read the plan of ${stage.value.region} in the step before, and the dashboards of the regions that have this version. Then say yes: what is applied is that plan, and no other."
        }
      }

      action {
        name             = "apply"
        category         = "Build"
        owner            = "AWS"
        provider         = "CodeBuild"
        version          = "1"
        run_order        = 3
        input_artifacts  = ["source", local.plans[stage.value.region]]
        output_artifacts = [local.charts[stage.value.region]]

        configuration = {
          ProjectName          = aws_codebuild_project.this["apply"].name
          PrimarySource        = "source"
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
        region          = stage.value.region
        input_artifacts = [local.charts[stage.value.region]]

        configuration = {
          ProjectName          = stage.value.deploy_project
          EnvironmentVariables = jsonencode([{ name = "TAG", value = "#{source.CommitId}" }])
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
        { name = "ROLE", value = role },
        { name = "PLANS", value = local.plans[row.region] },
      ])
    }
  }
}
