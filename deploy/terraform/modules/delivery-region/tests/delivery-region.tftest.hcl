mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mocked" }
  }
  mock_resource "aws_security_group" {
    defaults = { id = "sg-builds" }
  }
}

variables {
  name                 = "meridian-prod-eu-west-1"
  pipeline             = "meridian-prod"
  environment          = "prod"
  region               = "eu-west-1"
  account_id           = "111122223333"
  cluster_name         = "meridian-prod-eu-west-1"
  external_id          = "meridian-prod-deploy"
  permissions_boundary = "arn:aws:iam::111122223333:policy/meridian-prod-boundary"
  network = {
    vpc_id                      = "vpc-1"
    subnet_ids                  = ["subnet-10", "subnet-11", "subnet-12"]
    cluster_security_group_id   = "sg-cluster"
    endpoints_security_group_id = "sg-endpoints"
  }
  keys = {
    logs    = "arn:aws:kms:eu-west-1:111122223333:key/mrk-logs"
    storage = "arn:aws:kms:eu-west-1:111122223333:key/mrk-storage"
  }
}

run "the_charts_are_installed_from_inside_the_regions_private_subnets" {
  assert {
    condition     = aws_codebuild_project.this.vpc_config[0].vpc_id == "vpc-1" && aws_codebuild_project.this.vpc_config[0].subnets == toset(["subnet-10", "subnet-11", "subnet-12"]) && aws_codebuild_project.this.vpc_config[0].security_group_ids == toset(["sg-builds"])
    error_message = "The Kubernetes API answers inside the VPC alone, so the build is there."
  }
  assert {
    condition = { for name, rule in aws_vpc_security_group_ingress_rule.this : name => [rule.security_group_id, rule.referenced_security_group_id, tostring(rule.from_port), tostring(rule.to_port)] } == {
      cluster   = ["sg-cluster", "sg-builds", "443", "443"]
      endpoints = ["sg-endpoints", "sg-builds", "443", "443"]
    }
    error_message = "The control plane and AWS's endpoints let the build in, by TLS."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.this.from_port == 443 && aws_vpc_security_group_egress_rule.this.to_port == 443
    error_message = "It calls by TLS alone."
  }
  assert {
    condition     = { for variable in aws_codebuild_project.this.environment[0].environment_variable : variable.name => variable.value } == { ENVIRONMENT = "prod", TARGET_REGION = "eu-west-1", CLUSTER = "meridian-prod-eu-west-1", ROLE = "arn:aws:iam::111122223333:role/meridian-prod-eu-west-1-deploy", EXTERNAL_ID = "meridian-prod-deploy" }
    error_message = "It knows its cluster and the role to take."
  }
  assert {
    condition     = aws_codebuild_project.this.environment[0].privileged_mode != true
    error_message = "It builds no containers."
  }
}

run "the_build_has_its_network_and_takes_one_role" {
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s if s.Sid == "TakesTheRoleForDeploying"]).Resource == ["arn:aws:iam::111122223333:role/meridian-prod-eu-west-1-deploy"]
    error_message = "It may deploy to its own region."
  }
  assert {
    condition = alltrue(flatten([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : [
      for action in s.Action : !strcontains(action, "*") && (s.Resource != "*" || startswith(action, "ec2:Describe"))
    ]]))
    error_message = "The resource * appears where AWS knows none."
  }
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s if s.Sid == "LendsItsInterfaceToCodeBuild"]).Condition.StringEquals["ec2:AuthorizedService"] == "codebuild.amazonaws.com"
    error_message = "Its interfaces are for CodeBuild."
  }
  assert {
    condition     = alltrue([for role in [aws_iam_role.this, aws_iam_role.copies] : role.permissions_boundary == var.permissions_boundary])
    error_message = "Its roles are bounded."
  }
}

run "copies_of_images_are_as_immutable_and_encrypted_as_the_originals" {
  assert {
    condition     = aws_ecr_repository_creation_template.this.applied_for == toset(["REPLICATION"]) && aws_ecr_repository_creation_template.this.prefix == "meridian"
    error_message = "The form is for what is replicated under meridian/."
  }
  assert {
    condition     = aws_ecr_repository_creation_template.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository_creation_template.this.encryption_configuration[0].encryption_type == "KMS" && aws_ecr_repository_creation_template.this.encryption_configuration[0].kms_key == var.keys.storage
    error_message = "A copy's tag never changes what it means, and it lies under a key of ours."
  }
  assert {
    condition     = toset(one([for s in jsondecode(aws_iam_role_policy.copies.policy).Statement : s if s.Sid == "UnderTheKey"]).Action) == toset(["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"])
    error_message = "ECR may make a repository under the key."
  }
}

run "what_is_handed_on_is_encrypted_and_forgotten" {
  assert {
    condition     = output.store == { bucket = "meridian-prod-pipeline-111122223333-eu-west-1", key_arn = var.keys.storage } && output.deploy_project == "meridian-prod-eu-west-1-deploy"
    error_message = "The pipeline is told where."
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.keys.storage && one(aws_s3_bucket_lifecycle_configuration.this.rule).expiration[0].days == 30
    error_message = "A saved plan lies under a key of ours, for a month."
  }
}

run "refuses_a_build_without_a_network" {
  command = plan
  variables {
    network = { vpc_id = "vpc-1", subnet_ids = [], cluster_security_group_id = "sg-cluster", endpoints_security_group_id = "sg-endpoints" }
  }
  expect_failures = [var.network]
}

run "refuses_copies_that_nobody_could_go_back_to" {
  command = plan
  variables {
    kept_images = 2
  }
  expect_failures = [var.kept_images]
}

run "refuses_a_short_account" {
  command = plan
  variables {
    account_id = "1234"
  }
  expect_failures = [var.account_id]
}

run "refuses_a_name_with_capitals" {
  command = plan
  variables {
    name = "Meridian"
  }
  expect_failures = [var.name]
}
