mock_provider "aws" {}

variables {
  name       = "meridian-prod"
  account_id = "111122223333"
  regions    = ["us-east-1", "eu-west-1"]
}

run "nobody_within_it_can_give_rights" {
  command = plan

  assert {
    condition     = setintersection(["account:*", "iam:*", "organizations:*", "sts:*"], jsondecode(aws_iam_policy.this.policy).Statement[0].NotAction) == toset(["account:*", "iam:*", "organizations:*", "sts:*"])
    error_message = "Identities, the account and the organisation are left out."
  }
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_policy.this.policy).Statement : [
        for action in try(statement.Action, []) : can(regex("^(iam:(Get|List)\\*|iam:PassRole|iam:CreateServiceLinkedRole|sts:AssumeRole|sts:GetCallerIdentity)$", action))
      ] if statement.Effect == "Allow"
    ]))
    error_message = "Of identities it allows to look, to hand on what is bounded, and to deploy."
  }
}

run "only_bounded_roles_are_handed_on_and_only_deploying_is_taken" {
  command = plan

  assert {
    condition     = toset(one([for s in jsondecode(aws_iam_policy.this.policy).Statement : s if s.Sid == "HandsOnWhatIsBounded"]).Resource) == toset([for region in ["us-east-1", "eu-west-1"] : "arn:aws:iam::111122223333:role/meridian-prod-${region}-*"])
    error_message = "No administrator's role is handed to anything, and no role of the pipeline's own builds."
  }
  assert {
    condition     = toset(one([for s in jsondecode(aws_iam_policy.this.policy).Statement : s if s.Sid == "Deploys"]).Resource) == toset([for region in ["us-east-1", "eu-west-1"] : "arn:aws:iam::111122223333:role/meridian-prod-${region}-deploy"])
    error_message = "The one role that is taken is that for deploying."
  }
}

run "refuses_a_name_without_an_end" {
  command = plan
  variables {
    name = "*"
  }
  expect_failures = [var.name]
}
