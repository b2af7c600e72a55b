# One role per service, taken by its pods (EKS Pod Identity, or IRSA where the cluster has no agent), that may do what the
# routing file says the service does: publish to its topic, read its queues, send its commands. Nothing has a wildcard.

locals {
  services    = toset(keys(var.messaging.publisher_topics))
  cluster_arn = "arn:aws:eks:${var.region}:${var.account_id}:cluster/${var.cluster.name}"

  via = { for service in ["sns", "sqs", "secretsmanager"] : service => "${service}.${var.region}.amazonaws.com" }

  statements = {
    for service in local.services : service => [for statement in [
      {
        Sid      = "TellsItsEvents"
        Action   = ["sns:Publish"]
        Resource = [for topic in var.messaging.publisher_topics[service] : var.messaging.topic_arns[topic]]
      },
      {
        # Sending is for dead letters that go back.
        Sid      = "ReadsItsQueues"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
        Resource = [for queue in var.messaging.consumer_queues[service] : var.messaging.queue_arns[queue]]
      },
      {
        Sid      = "WatchesItsDeadLetters"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = [for queue in var.messaging.consumer_dead_letters[service] : var.messaging.dead_letter_arns[queue]]
      },
      {
        Sid      = "SendsCommands"
        Action   = ["sqs:SendMessage", "sqs:GetQueueUrl"]
        Resource = [for queue in var.messaging.command_queues[service] : var.messaging.queue_arns[queue]]
      },
      {
        Sid       = "ReadsAndWritesEncryptedMessages"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [var.messaging.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = [local.via.sns, local.via.sqs] } }
      },
      {
        Sid    = "ReadsItsSecrets"
        Action = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        Resource = compact([
          try(var.secrets.arns[service].settings, null), try(var.secrets.arns[service].identity, null), try(var.secrets.shared_arns["trust-bundle"], null),
        ])
      },
      {
        Sid       = "DecryptsItsSecrets"
        Action    = ["kms:Decrypt"]
        Resource  = var.secrets.kms_key_arns
        Condition = { StringEquals = { "kms:ViaService" = [local.via.secretsmanager] } }
      },
      {
        # Under its own name only: what another service wrapped, the key does not open for it.
        Sid       = "WrapsItsDataKeys"
        Action    = ["kms:Decrypt", "kms:Encrypt"]
        Resource  = [var.personal_key_arn]
        Condition = { StringEquals = { "kms:EncryptionContext:service" = service } }
      },
      {
        # The user service alone sends, in the shop's name alone.
        Sid       = "SendsMails"
        Action    = ["ses:SendEmail"]
        Resource  = [for resource in ["identity/${var.mail.domain}", "configuration-set/${var.mail.configuration_set}"] : "arn:aws:ses:${var.region}:${var.account_id}:${resource}" if service == var.mail.service]
        Condition = { StringEquals = { "ses:FromAddress" = "shop@${var.mail.domain}" } }
      },
    ] : merge(statement, { Effect = "Allow" }) if length(statement.Resource) > 0]
  }

  # Whose service account may take which role.
  subjects = merge(
    { for service in local.services : service => { namespace = var.cluster.namespace, account = service } },
    { external-secrets = { namespace = "external-secrets", account = "external-secrets" } },
  )

  trust = {
    for role, subject in local.subjects : role => jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "PodIdentity"
          Effect    = "Allow"
          Principal = { Service = "pods.eks.amazonaws.com" }
          Action    = ["sts:AssumeRole", "sts:TagSession"]
          Condition = {
            StringEquals = {
              "aws:SourceAccount"                         = var.account_id
              "aws:RequestTag/kubernetes-namespace"       = subject.namespace
              "aws:RequestTag/kubernetes-service-account" = subject.account
            }
            ArnEquals = { "aws:SourceArn" = local.cluster_arn }
          }
        },
        {
          Sid       = "Irsa"
          Effect    = "Allow"
          Principal = { Federated = var.cluster.oidc_provider_arn }
          Action    = ["sts:AssumeRoleWithWebIdentity"]
          Condition = {
            StringEquals = {
              "${var.cluster.oidc_issuer}:sub" = "system:serviceaccount:${subject.namespace}:${subject.account}"
              "${var.cluster.oidc_issuer}:aud" = "sts.amazonaws.com"
            }
          }
        },
      ]
    })
  }
}

resource "aws_iam_role" "this" {
  for_each = local.subjects

  name               = "${var.name}-${each.key}"
  description        = "Pods of ${each.value.namespace}/${each.value.account} in ${var.cluster.name}"
  assume_role_policy = local.trust[each.key]
  tags               = merge(var.tags, { service = each.key })

  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "service" {
  for_each = local.services

  name   = "what-it-does"
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}

# External Secrets fetches for all pods, so it alone reads all of the platform's secrets, and no other's.
resource "aws_iam_role_policy" "external_secrets" {
  name = "reads-secrets"
  role = aws_iam_role.this["external-secrets"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadsThePlatformsSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        Resource = concat(flatten([for own in values(var.secrets.arns) : values(own)]), values(var.secrets.shared_arns), var.secrets.further_arns)
      },
      {
        Sid       = "DecryptsThem"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = var.secrets.kms_key_arns
        Condition = { StringEquals = { "kms:ViaService" = [local.via.secretsmanager] } }
      },
    ]
  })
}

resource "aws_eks_pod_identity_association" "this" {
  for_each = local.subjects

  cluster_name    = var.cluster.name
  namespace       = each.value.namespace
  service_account = each.value.account
  role_arn        = aws_iam_role.this[each.key].arn
  tags            = var.tags
}
