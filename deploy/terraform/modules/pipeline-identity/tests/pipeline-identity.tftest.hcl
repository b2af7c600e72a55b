mock_provider "aws" {}

variables {
  name         = "meridian-prod-us-east-1"
  environment  = "prod"
  region       = "us-east-1"
  account_id   = "111122223333"
  cluster_name = "meridian-prod-us-east-1"
  state_bucket = "meridian-prod-terraform-state"
  pipeline     = { account_id = "444455556666", name = "meridian-prod", external_id = "meridian-deploy-0123456789" }
}

run "each_role_is_for_one_steps_build_that_names_the_external_id" {
  command = plan

  assert {
    condition = { for step, role in aws_iam_role.this : step => jsondecode(role.assume_role_policy).Statement[0].Condition } == {
      for step in ["plan", "apply", "deploy"] : step => {
        StringEquals = { "sts:ExternalId" = "meridian-deploy-0123456789" }
        ArnEquals    = { "aws:PrincipalArn" = "arn:aws:iam::444455556666:role/meridian-prod-${step}-build" }
      }
    }
    error_message = "Another step, another account, or one without the id takes nothing."
  }
  assert {
    condition     = { for step, attachment in aws_iam_role_policy_attachment.this : step => attachment.policy_arn } == { plan = "arn:aws:iam::aws:policy/ReadOnlyAccess", apply = "arn:aws:iam::aws:policy/PowerUserAccess" }
    error_message = "A plan only reads; the charts' step needs no right in AWS."
  }
}

run "nobody_may_everything" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.this : [
        for statement in jsondecode(policy.policy).Statement :
        !contains(statement.Resource, "*") && alltrue([for action in statement.Action : !strcontains(action, "*")])
      ]
    ]))
    error_message = "No statement has the action or the resource *."
  }
  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : statement.Resource if statement.Effect == "Deny"
    ])) == toset([for step in ["plan", "apply", "deploy"] : "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-${step}"])
    error_message = "The pipeline gives itself no rights."
  }
  assert {
    condition     = flatten([for statement in jsondecode(aws_iam_role_policy.this["plan"].policy).Statement : statement.Resource]) == flatten(["arn:aws:s3:::meridian-prod-terraform-state/prod/us-east-1/*.tflock"])
    error_message = "All that a plan writes is the lock of its region's states."
  }
}

run "a_short_external_id_is_refused" {
  command = plan
  variables {
    pipeline = { account_id = "444455556666", name = "meridian-prod", external_id = "secret" }
  }
  expect_failures = [var.pipeline]
}

run "a_bucket_that_is_none_is_refused" {
  command = plan
  variables {
    state_bucket = "s3://states"
  }
  expect_failures = [var.state_bucket]
}
