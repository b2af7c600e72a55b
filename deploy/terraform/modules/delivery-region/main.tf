# What the delivery pipeline has in a region: a store for what is handed from step to step, the build that installs the
# charts from inside the private subnets, and the form of the copies of images.

locals {
  project     = "${var.name}-deploy"
  log_group   = "/meridian/${var.name}/deploy"
  bucket      = "${var.pipeline}-pipeline-${var.account_id}-${var.region}"
  buckets     = "arn:aws:s3:::${local.bucket}"
  deploy_role = "arn:aws:iam::${var.account_id}:role/${var.name}-deploy"
}

# The control plane answers inside the VPC alone, so the build that speaks with it is there too. Nobody calls the build.
resource "aws_security_group" "this" {
  name_prefix = "${local.project}-"
  description = "The pipeline's build that installs the charts"
  vpc_id      = var.network.vpc_id

  tags = merge(var.tags, { Name = local.project })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = { cluster = var.network.cluster_security_group_id, endpoints = var.network.endpoints_security_group_id }

  security_group_id            = each.value
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  description                  = { cluster = "The pipeline installs the charts", endpoints = "AWS is called without the internet" }[each.key]

  tags = merge(var.tags, { Name = "deploy" })
}

# The cluster, AWS, and where helm, kubectl and the controllers' charts come from.
resource "aws_vpc_security_group_egress_rule" "this" {
  security_group_id = aws_security_group.this.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "TLS to the cluster, to AWS and to the sources of charts"

  tags = merge(var.tags, { Name = "deploy" })
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = 90
  kms_key_id        = var.keys.logs
  tags              = var.tags
}

resource "aws_codebuild_project" "this" {
  name           = local.project
  description    = "Deploy: deploy/terraform/modules/delivery-region/buildspecs/deploy.yaml"
  service_role   = aws_iam_role.this.arn
  encryption_key = var.keys.storage
  build_timeout  = 180 # eight releases of at most fifteen minutes, and the controllers
  queued_timeout = 120
  tags           = var.tags

  artifacts {
    type = "CODEPIPELINE"
  }

  source {
    type      = "CODEPIPELINE"
    buildspec = file("${path.module}/buildspecs/deploy.yaml")
  }

  vpc_config {
    vpc_id             = var.network.vpc_id
    subnets            = var.network.subnet_ids
    security_group_ids = [aws_security_group.this.id]
  }

  environment {
    type         = "LINUX_CONTAINER"
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = "aws/codebuild/amazonlinux2-x86_64-standard:5.0"

    dynamic "environment_variable" {
      for_each = {
        ENVIRONMENT   = var.environment
        TARGET_REGION = var.region
        CLUSTER       = var.cluster_name
        ROLE          = local.deploy_role
        EXTERNAL_ID   = var.external_id
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

  # A build without its network rights is refused at once.
  depends_on = [aws_iam_role_policy.this]
}
