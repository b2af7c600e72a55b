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
    logs    = "arn:aws:kms:us-east-1:111122223333:key/mrk-1"
    storage = "arn:aws:kms:us-east-1:111122223333:key/mrk-2"
  }
  regions = [
    { region = "ap-south-1", cluster_name = "meridian-prod-ap-south-1", role_arns = { for step in ["plan", "apply", "deploy"] : step => "arn:aws:iam::111122223333:role/meridian-prod-ap-south-1-${step}" } },
    { region = "eu-west-1", cluster_name = "meridian-prod-eu-west-1", role_arns = { for step in ["plan", "apply", "deploy"] : step => "arn:aws:iam::111122223333:role/meridian-prod-eu-west-1-${step}" } },
    { region = "us-east-1", cluster_name = "meridian-prod-us-east-1", role_arns = { for step in ["plan", "apply", "deploy"] : step => "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-${step}" } },
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
    condition     = [for pair in jsondecode(aws_codepipeline.this.stage[2].action[3].configuration.EnvironmentVariables) : pair.value if pair.name == "TARGET_REGION"] == ["ap-south-1"]
    error_message = "the region's stage deploys to the region"
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

run "only_the_image_build_may_push_and_only_the_others_may_deploy" {
  assert {
    condition     = toset(keys(aws_iam_role_policy.assume)) == toset(["plan", "apply", "deploy"])
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
      { region = "us-east-1", cluster_name = "a", role_arns = { for step in ["plan", "apply", "deploy"] : step => "arn:aws:iam::111122223333:role/a-${step}" } },
      { region = "us-east-1", cluster_name = "a", role_arns = { for step in ["plan", "apply", "deploy"] : step => "arn:aws:iam::111122223333:role/a-${step}" } },
    ]
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
