# What the pipeline runs in the master region; what it does is in buildspecs/, so it can be read and run by hand. The charts
# are installed by a build of each region (module delivery-region).

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = 90
  kms_key_id        = var.keys.logs
  tags              = var.tags
}

resource "aws_codebuild_project" "this" {
  for_each = local.projects

  name           = each.value
  description    = "${title(each.key)}: deploy/terraform/modules/delivery/buildspecs/${each.key}.yaml"
  service_role   = aws_iam_role.build[each.key].arn
  encryption_key = var.keys.storage
  build_timeout  = 240 # minutes; a new version of the cluster replaces its nodes, group by group
  queued_timeout = 120
  tags           = var.tags

  artifacts {
    type = "CODEPIPELINE"
  }

  source {
    type      = "CODEPIPELINE"
    buildspec = file("${path.module}/buildspecs/${each.key}.yaml")
  }

  environment {
    type            = "LINUX_CONTAINER"
    compute_type    = each.key == "image" ? "BUILD_GENERAL1_LARGE" : "BUILD_GENERAL1_SMALL"
    image           = "aws/codebuild/amazonlinux2-x86_64-standard:5.0"
    privileged_mode = each.key == "image" # builds containers

    dynamic "environment_variable" {
      for_each = {
        ENVIRONMENT = var.environment
        REGISTRY    = "${var.account_id}.dkr.ecr.${var.region}.amazonaws.com"
        EXTERNAL_ID = var.external_id
      }
      content {
        name  = environment_variable.key
        value = environment_variable.value
      }
    }
  }

  logs_config {
    cloudwatch_logs {
      group_name = aws_cloudwatch_log_group.this.name
    }
  }
}
