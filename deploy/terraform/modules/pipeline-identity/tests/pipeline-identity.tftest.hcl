mock_provider "aws" {}

variables {
  name         = "meridian-prod-us-east-1"
  environment  = "prod"
  region       = "us-east-1"
  account_id   = "111122223333"
  cluster_name = "meridian-prod-us-east-1"
  state_bucket = "meridian-prod-terraform-state"
  pipeline     = { account_id = "444455556666", name = "meridian-prod", external_id = "meridian-deploy-0123456789" }

  permissions_boundary = "arn:aws:iam::111122223333:policy/meridian-prod-boundary"
}

run "each_role_is_for_one_steps_build_that_names_the_external_id" {
  command = plan

  assert {
    condition = { for step, role in aws_iam_role.this : step => jsondecode(role.assume_role_policy).Statement[0].Condition } == {
      for step in ["plan", "apply", "deploy"] : step => {
        StringEquals = { "sts:ExternalId" = "meridian-deploy-0123456789" }
        ArnEquals    = { "aws:PrincipalArn" = step == "deploy" ? "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-deploy-build" : "arn:aws:iam::444455556666:role/meridian-prod-${step}-build" }
      }
    }
    error_message = "Another step, another account, or one without the id takes nothing; the charts are deployed from the region itself."
  }
  assert {
    condition     = { for step, role in aws_iam_role.this : step => jsondecode(role.assume_role_policy).Statement[0].Principal.AWS } == { plan = "arn:aws:iam::444455556666:root", apply = "arn:aws:iam::444455556666:root", deploy = "arn:aws:iam::111122223333:root" }
    error_message = "A pipeline of another account plans and applies, as that account."
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
    condition     = toset(one([for s in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : s if s.Sid == "LeavesThePipelinesRolesAlone"]).Resource) == toset([for step in ["plan", "apply", "deploy"] : "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-${step}"])
    error_message = "The pipeline gives itself no rights."
  }
  assert {
    condition     = flatten([for s in jsondecode(aws_iam_role_policy.this["plan"].policy).Statement : s.Resource if s.Sid == "LocksTheStates"]) == flatten(["arn:aws:s3:::meridian-prod-terraform-state/prod/us-east-1/*.tflock"])
    error_message = "All that a plan writes is the lock of its region's states."
  }
  assert {
    condition     = !anytrue([for policy in aws_iam_role_policy.this : strcontains(policy.policy, "secretsmanager")])
    error_message = "No step reads the value of a secret."
  }
  assert {
    condition = one([for s in jsondecode(aws_iam_role_policy.this["plan"].policy).Statement : s if s.Sid == "SeesTheVariablesOfFunctions"]).Condition == {
      ArnLike = { "kms:EncryptionContext:aws:lambda:FunctionArn" = "arn:aws:lambda:us-east-1:111122223333:function:meridian-prod-us-east-1-*" }
    }
    error_message = "A plan opens the variables of the region's functions, or finds them changed each time; it opens nothing else."
  }
  assert {
    condition     = alltrue([for step in ["plan", "apply"] : one([for s in jsondecode(aws_iam_role_policy.this[step].policy).Statement : s if s.Sid == "UsesTheKeyOfTheStates"]).Condition["ForAnyValue:StringEquals"]["kms:ResourceAliases"] == "alias/meridian-prod-terraform-state"])
    error_message = "States lie under a key of ours, and that key is the one they may use."
  }
}

run "the_pipeline_cannot_make_an_administrator" {
  command = plan

  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : s.Condition.StringEquals["iam:PermissionsBoundary"] == var.permissions_boundary
      if s.Effect == "Allow" && length(setintersection(s.Action, ["iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"])) > 0
    ])
    error_message = "Whatever gives a right is bound to the boundary."
  }
  assert {
    condition = alltrue(flatten([
      for s in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : [
        for action in s.Action : can(regex("Role", action)) ? alltrue([for resource in s.Resource : startswith(resource, "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-")]) : strcontains(action, "OpenIDConnectProvider")
      ] if s.Effect == "Allow" && anytrue([for action in s.Action : startswith(action, "iam:")])
    ]))
    error_message = "It keeps the region's own roles and the cluster's issuer, and makes no user, group or policy."
  }
  assert {
    condition     = !contains(one([for s in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : s if s.Sid == "HandsThemToServices"]).Condition.StringEquals["iam:PassedToService"], "cloudformation.amazonaws.com")
    error_message = "A role is handed to services that have one of ours."
  }
  assert {
    condition = alltrue([
      for denied in ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeleteRolePermissionsBoundary", "sts:AssumeRole"] :
      contains(flatten([for s in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : s.Action if s.Effect == "Deny"]), denied)
    ])
    error_message = "It loosens no boundary, takes none away, and becomes nobody else."
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

run "a_pipeline_without_a_boundary_is_refused" {
  command = plan
  variables {
    permissions_boundary = "none"
  }
  expect_failures = [var.permissions_boundary]
}
