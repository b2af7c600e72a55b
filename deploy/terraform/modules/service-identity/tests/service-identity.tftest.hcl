mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/role" }
  }
}

variables {
  name       = "meridian-prod-us-east-1"
  region     = "us-east-1"
  account_id = "111122223333"
  cluster = {
    name              = "meridian-prod-us-east-1"
    oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABC"
    oidc_issuer       = "oidc.eks.us-east-1.amazonaws.com/id/ABC"
  }
  messaging = {
    topic_arns            = { for service in ["auth", "user", "product", "cart", "order", "payment"] : "${service}-events" => "arn:aws:sns:us-east-1:111122223333:meridian-${service}-events" }
    queue_arns            = { for queue in ["auth-inbox", "user-inbox", "product-inbox", "cart-inbox", "order-inbox", "payment-inbox", "payment-commands.fifo", "product-commands.fifo"] : queue => "arn:aws:sqs:us-east-1:111122223333:meridian-${queue}" }
    dead_letter_arns      = { for queue in ["auth-inbox-dead", "user-inbox-dead", "product-inbox-dead", "cart-inbox-dead", "order-inbox-dead", "payment-inbox-dead", "payment-commands-dead.fifo", "product-commands-dead.fifo"] : queue => "arn:aws:sqs:us-east-1:111122223333:meridian-${queue}" }
    publisher_topics      = { for service in ["auth", "user", "product", "cart", "order", "payment"] : service => ["${service}-events"] }
    consumer_queues       = { auth = ["auth-inbox"], user = ["user-inbox"], product = ["product-inbox", "product-commands.fifo"], cart = ["cart-inbox"], order = ["order-inbox"], payment = ["payment-inbox", "payment-commands.fifo"] }
    consumer_dead_letters = { auth = ["auth-inbox-dead"], user = ["user-inbox-dead"], product = ["product-inbox-dead", "product-commands-dead.fifo"], cart = ["cart-inbox-dead"], order = ["order-inbox-dead"], payment = ["payment-inbox-dead", "payment-commands-dead.fifo"] }
    command_queues        = { auth = [], user = [], product = [], cart = [], order = ["payment-commands.fifo", "product-commands.fifo"], payment = [] }
    kms_key_arn           = "arn:aws:kms:us-east-1:111122223333:key/mrk-messaging"
  }
  personal_key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-personal"
  mail             = { domain = "example.com", configuration_set = "meridian-prod" }
  secrets = {
    arns = {
      for service in ["auth", "user", "product", "cart", "order", "payment"] : service => {
        for kind in ["settings", "migrator", "identity"] : kind => "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/${service}/${kind}-AbCdEf"
      }
    }
    shared_arns  = { for name in ["trust-bundle", "database-bootstrap"] : name => "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/${name}-AbCdEf" }
    further_arns = ["arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/gateway/origin-AbCdEf"]
    kms_key_arns = ["arn:aws:kms:us-east-1:111122223333:key/mrk-secrets"]
  }
}

run "one_role_per_service_under_the_charts_names" {
  assert {
    condition     = { for service, role in aws_iam_role.this : service => role.name if service != "external-secrets" } == { for service in ["auth", "user", "product", "cart", "order", "payment"] : service => "meridian-prod-us-east-1-${service}" }
    error_message = "The chart finds the roles by its rolePrefix."
  }

  assert {
    condition = alltrue([for service, association in aws_eks_pod_identity_association.this :
      association.service_account == service && association.namespace == "meridian" if service != "external-secrets"
    ]) && length(aws_eks_pod_identity_association.this) == 7
    error_message = "Each service account has its role."
  }
}

run "only_the_services_own_pods" {
  assert {
    condition = alltrue([for service, role in aws_iam_role.this :
      jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["aws:RequestTag/kubernetes-service-account"] == service
      && jsondecode(role.assume_role_policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == "arn:aws:eks:us-east-1:111122223333:cluster/meridian-prod-us-east-1"
    ])
    error_message = "Pod identity: this service account of this cluster."
  }

  assert {
    condition = alltrue([for service in keys(output.role_arns) :
      jsondecode(aws_iam_role.this[service].assume_role_policy).Statement[1].Condition.StringEquals["oidc.eks.us-east-1.amazonaws.com/id/ABC:sub"] == "system:serviceaccount:meridian:${service}"
    ])
    error_message = "IRSA: this service account of this issuer."
  }
}

run "nothing_has_a_wildcard" {
  assert {
    condition = alltrue(flatten([
      for policy in concat([for one in aws_iam_role_policy.service : one.policy], [aws_iam_role_policy.external_secrets.policy]) : [
        for statement in jsondecode(policy).Statement : !strcontains(jsonencode([statement.Action, statement.Resource]), "*")
      ]
    ]))
    error_message = "No `*` in any action or resource."
  }
}

run "what_order_may_do" {
  assert {
    condition = jsonencode({ for statement in jsondecode(aws_iam_role_policy.service["order"].policy).Statement : statement.Sid => sort(statement.Resource) }) == jsonencode({
      TellsItsEvents                  = ["arn:aws:sns:us-east-1:111122223333:meridian-order-events"]
      ReadsItsQueues                  = ["arn:aws:sqs:us-east-1:111122223333:meridian-order-inbox"]
      WatchesItsDeadLetters           = ["arn:aws:sqs:us-east-1:111122223333:meridian-order-inbox-dead"]
      SendsCommands                   = ["arn:aws:sqs:us-east-1:111122223333:meridian-payment-commands.fifo", "arn:aws:sqs:us-east-1:111122223333:meridian-product-commands.fifo"]
      ReadsAndWritesEncryptedMessages = ["arn:aws:kms:us-east-1:111122223333:key/mrk-messaging"]
      ReadsItsSecrets = [
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/order/identity-AbCdEf",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/order/settings-AbCdEf",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:meridian/prod/trust-bundle-AbCdEf",
      ]
      DecryptsItsSecrets = ["arn:aws:kms:us-east-1:111122223333:key/mrk-secrets"]
      WrapsItsDataKeys   = ["arn:aws:kms:us-east-1:111122223333:key/mrk-personal"]
    })
    error_message = "Order publishes, reads, sends and decrypts its own, and nothing else."
  }
}

run "no_service_may_what_its_row_does_not_say" {
  assert {
    condition     = [for service, policy in aws_iam_role_policy.service : service if strcontains(policy.policy, "SendsCommands")] == ["order"]
    error_message = "Only order sends commands."
  }

  assert {
    condition     = [for service, policy in aws_iam_role_policy.service : service if strcontains(policy.policy, "ses:")] == ["user"]
    error_message = "Only user sends mails."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.service["user"].policy).Statement : [statement.Action, statement.Resource, statement.Condition.StringEquals["ses:FromAddress"]] if statement.Sid == "SendsMails"] == [
      [["ses:SendEmail"], ["arn:aws:ses:us-east-1:111122223333:identity/example.com", "arn:aws:ses:us-east-1:111122223333:configuration-set/meridian-prod"], "shop@example.com"],
    ]
    error_message = "User sends as the shop, from the shop's domain."
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.service["auth"].policy, ".fifo")
    error_message = "Auth reads no commands."
  }

  assert {
    condition = alltrue([for service, policy in aws_iam_role_policy.service :
      !strcontains(policy.policy, "/migrator-") && !strcontains(policy.policy, "database-bootstrap")
    ])
    error_message = "No service reads the migrator's password."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_iam_role_policy.service : [
      for statement in jsondecode(policy.policy).Statement : can(statement.Condition.StringEquals["kms:ViaService"]) if strcontains(jsonencode(statement.Action), "kms:") && statement.Sid != "WrapsItsDataKeys"
    ]]))
    error_message = "Keys are used through SNS, SQS and Secrets Manager only, but for the one that wraps data keys."
  }

  assert {
    condition = alltrue(flatten([for service, policy in aws_iam_role_policy.service : [
      for statement in jsondecode(policy.policy).Statement :
      statement.Condition.StringEquals["kms:EncryptionContext:service"] == service if statement.Sid == "WrapsItsDataKeys"
    ]]))
    error_message = "A service wraps and opens data keys under its own name only."
  }
}

run "an_issuer_with_a_scheme_is_refused" {
  command = plan
  variables {
    cluster = {
      name              = "meridian-prod-us-east-1"
      oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABC"
      oidc_issuer       = "https://oidc.eks.us-east-1.amazonaws.com/id/ABC"
    }
  }
  expect_failures = [var.cluster]
}

run "a_service_without_secrets_is_refused" {
  command = plan
  variables {
    secrets = { arns = { order = {} }, shared_arns = {}, kms_key_arns = [] }
  }
  expect_failures = [var.secrets]
}

run "a_sender_that_is_no_domain_is_refused" {
  command = plan
  variables {
    mail = { domain = "shop@example.com", configuration_set = "meridian-prod" }
  }
  expect_failures = [var.mail]
}
