mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/x" }
  }
  mock_resource "aws_codeconnections_connection" {
    defaults = { arn = "arn:aws:codeconnections:us-east-1:111122223333:connection/00000000-0000-4000-8000-000000000000" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:pipeline" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name               = "meridian-prod"
  environment        = "prod"
  region             = "us-east-1"
  account_id         = "111122223333"
  source_repository  = { id = "your-organization/meridian" }
  repositories       = ["auth", "user", "product", "cart", "order", "payment"]
  external_id        = "meridian-prod-deploy"
  approval_topic_arn = "arn:aws:sns:us-east-1:111122223333:meridian-prod-alarms"
  keys = {
    logs      = "arn:aws:kms:us-east-1:111122223333:key/mrk-1"
    storage   = "arn:aws:kms:us-east-1:111122223333:key/mrk-2"
    messaging = "arn:aws:kms:us-east-1:111122223333:key/mrk-3"
  }
  regions = [
    for region in ["ap-south-1", "eu-west-1", "us-east-1"] : {
      region         = region
      role_arns      = { for step in ["plan", "apply"] : step => "arn:aws:iam::111122223333:role/meridian-prod-${region}-${step}" }
      store          = { bucket = "meridian-prod-pipeline-111122223333-${region}", key_arn = "arn:aws:kms:${region}:111122223333:key/mrk-2" }
      deploy_project = "meridian-prod-${region}-deploy"
    }
  ]
}

run "the_pipeline_goes_from_source_to_image_to_one_region_after_another" {
  assert {
    condition     = [for stage in aws_codepipeline.this.stage : stage.name] == ["Source", "Image", "ap-south-1", "eu-west-1", "us-east-1"]
    error_message = "source, image, then the regions in their order"
  }
  assert {
    condition = alltrue([
      for stage in slice(aws_codepipeline.this.stage, 2, 5) :
      [for action in stage.action : action.name] == ["plan", "approve", "apply", "deploy"]
      && [for action in stage.action : action.run_order] == [1, 2, 3, 4]
    ])
    error_message = "a person reads the plan before anything changes"
  }
  assert {
    condition     = alltrue([for stage in slice(aws_codepipeline.this.stage, 2, 5) : stage.action[1].category == "Approval" && stage.action[1].provider == "Manual"])
    error_message = "the gate is a person"
  }
  assert {
    condition = alltrue([
      for stage in slice(aws_codepipeline.this.stage, 2, 5) :
      stage.action[3].region == stage.name && stage.action[3].configuration.ProjectName == "meridian-prod-${stage.name}-deploy"
    ])
    error_message = "the region's charts are installed by the region's own build"
  }
}

run "what_is_applied_is_the_plan_that_was_read" {
  assert {
    condition     = alltrue([for stage in slice(aws_codepipeline.this.stage, 2, 5) : stage.action[0].output_artifacts == tolist(["plans_${replace(stage.name, "-", "_")}"])])
    error_message = "the plan is handed on as a file"
  }
  assert {
    condition = alltrue([
      for stage in slice(aws_codepipeline.this.stage, 2, 5) :
      contains(stage.action[2].input_artifacts, stage.action[0].output_artifacts[0]) && stage.action[2].configuration.PrimarySource == "source"
      && [for pair in jsondecode(stage.action[2].configuration.EnvironmentVariables) : pair.value if pair.name == "PLANS"] == [stage.action[0].output_artifacts[0]]
    ])
    error_message = "and that file is what is applied"
  }
  assert {
    condition     = strcontains(aws_codebuild_project.this["apply"].source[0].buildspec, "plans=\"$${!plans}\"") && !can(regex("do=apply yes|stack=", aws_codebuild_project.this["apply"].source[0].buildspec))
    error_message = "nothing is planned anew after somebody said yes"
  }
  assert {
    condition     = strcontains(aws_codebuild_project.this["plan"].source[0].buildspec, "base-directory: plans")
    error_message = "the plan's build keeps what it planned"
  }
  assert {
    condition     = alltrue([for stage in slice(aws_codepipeline.this.stage, 2, 5) : stage.action[3].input_artifacts == stage.action[2].output_artifacts])
    error_message = "the charts are installed with the values that the apply wrote"
  }
}

run "what_is_handed_on_lies_in_each_region_under_its_key" {
  assert {
    condition     = { for store in aws_codepipeline.this.artifact_store : store.region => [store.location, store.encryption_key[0].id] } == { for region in ["ap-south-1", "eu-west-1", "us-east-1"] : region => ["meridian-prod-pipeline-111122223333-${region}", "arn:aws:kms:${region}:111122223333:key/mrk-2"] }
    error_message = "a build in a region reads from that region"
  }
}

run "people_are_told_by_a_topic_whose_key_the_pipeline_may_use" {
  assert {
    condition = length([
      for statement in data.aws_iam_policy_document.pipeline.statement : statement
      if statement.actions == toset(["kms:Decrypt", "kms:GenerateDataKey"]) && statement.resources == toset(["arn:aws:kms:us-east-1:111122223333:key/mrk-3"])
    ]) == 1
    error_message = "the topic is encrypted: who may not use its key cannot publish to it"
  }
}

run "images_are_immutable_scanned_encrypted_and_in_every_region" {
  assert {
    condition = alltrue([
      for repository in aws_ecr_repository.this :
      repository.image_tag_mutability == "IMMUTABLE" && repository.image_scanning_configuration[0].scan_on_push && repository.encryption_configuration[0].encryption_type == "KMS"
    ])
    error_message = "a tag never changes what it means"
  }
  assert {
    condition     = [for destination in aws_ecr_replication_configuration.this[0].replication_configuration[0].rule[0].destination : destination.region] == ["ap-south-1", "eu-west-1"]
    error_message = "the other regions get copies"
  }
  assert {
    condition     = length(aws_ecr_repository.this) == 6
    error_message = "one repository per service"
  }
}

run "only_signing_in_to_the_registry_names_no_resource" {
  assert {
    condition = alltrue(flatten([
      for document in concat([data.aws_iam_policy_document.pipeline, data.aws_iam_policy_document.build, data.aws_iam_policy_document.push], values(data.aws_iam_policy_document.assume)) :
      [for statement in document.statement : !contains(statement.resources, "*") || statement.actions == toset(["ecr:GetAuthorizationToken"])]
    ]))
    error_message = "no statement has the resource *, but for the one action AWS offers none for"
  }
  assert {
    condition = alltrue(flatten([
      for document in concat([data.aws_iam_policy_document.pipeline, data.aws_iam_policy_document.build, data.aws_iam_policy_document.push], values(data.aws_iam_policy_document.assume)) :
      [for statement in document.statement : [for action in statement.actions : !strcontains(action, "*")]]
    ]))
    error_message = "no action has a *"
  }
}

run "only_the_image_build_may_push_and_only_the_others_may_change_a_region" {
  assert {
    condition     = toset(keys(aws_iam_role_policy.assume)) == toset(["plan", "apply"])
    error_message = "whoever builds images cannot change a region"
  }
  assert {
    condition     = alltrue([for step, document in data.aws_iam_policy_document.assume : alltrue([for arn in document.statement[0].resources : endswith(arn, "-${step}")])])
    error_message = "a step takes its own role in a region, no other"
  }
  assert {
    condition     = [for pair in jsondecode(aws_codepipeline.this.stage[2].action[0].configuration.EnvironmentVariables) : pair.value if pair.name == "ROLE"] == ["arn:aws:iam::111122223333:role/meridian-prod-ap-south-1-plan"]
    error_message = "the plan is made with the role that only reads"
  }
}

run "a_region_twice_is_refused" {
  command = plan
  variables {
    regions = [
      for number in [1, 2] : {
        region         = "us-east-1"
        role_arns      = { for step in ["plan", "apply"] : step => "arn:aws:iam::111122223333:role/a-${step}" }
        store          = { bucket = "a", key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-2" }
        deploy_project = "a"
      }
    ]
  }
  expect_failures = [var.regions]
}

run "a_pipeline_without_its_own_region_is_refused" {
  command = plan
  variables {
    region = "eu-central-1"
  }
  expect_failures = [var.regions]
}

run "no_version_to_go_back_to_is_refused" {
  command = plan
  variables {
    kept_images = 1
  }
  expect_failures = [var.kept_images]
}

run "an_image_that_is_there_is_not_built_again" {
  assert {
    condition     = strcontains(aws_codebuild_project.this["image"].source[0].buildspec, "push.sh") && !strcontains(aws_codebuild_project.this["image"].source[0].buildspec, "docker push")
    error_message = "a second run for a commit pushes what is missing: tags are immutable"
  }
}
