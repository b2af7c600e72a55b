mock_provider "aws" {}

variables {
  name             = "meridian-prod"
  messaging_prefix = "meridian"
  queues           = ["order-inbox", "payment-commands.fifo"]
  services         = ["order", "payment"]
  alarm_topic_arn  = "arn:aws:sns:us-east-1:111122223333:meridian-prod-alarms"
  regions = {
    us-east-1 = {
      load_balancer   = "app/meridian-prod/1"
      database        = { engine = "aurora-postgresql", identifier = "meridian-prod-us-east-1", instances = ["meridian-prod-us-east-1-reader-01", "meridian-prod-us-east-1-writer"] }
      cache_nodes     = ["meridian-prod-us-east-1-0001-001", "meridian-prod-us-east-1-0001-002"]
      log_group       = "/aws/containerinsights/meridian-prod-us-east-1/application"
      health_check_id = "aaaa"
      alarm_arns      = ["arn:aws:cloudwatch:us-east-1:111122223333:alarm:meridian-prod-does-not-sell"]
    }
    eu-west-1 = {
      load_balancer   = "app/meridian-prod/2"
      database        = { engine = "postgres", identifier = "meridian-prod-eu-west-1", instances = ["meridian-prod-eu-west-1", "meridian-prod-eu-west-1-reader-01"] }
      cache_nodes     = ["meridian-prod-eu-west-1-0001-001"]
      log_group       = "/aws/containerinsights/meridian-prod-eu-west-1/application"
      health_check_id = "bbbb"
    }
  }
}

run "one_dashboard_shows_every_region" {
  command = plan

  assert {
    condition     = toset([for widget in jsondecode(aws_cloudwatch_dashboard.overview.dashboard_body).widgets : widget.properties.region]) == toset(["us-east-1", "eu-west-1"])
    error_message = "the overview reads metrics of every region"
  }
  assert {
    condition = alltrue([
      for widget in slice(jsondecode(aws_cloudwatch_dashboard.overview.dashboard_body).widgets, 2, 6) :
      toset([for line in widget.properties.metrics : line[length(line) - 1].region]) == toset(["us-east-1", "eu-west-1"])
    ])
    error_message = "comparisons have a line for each region"
  }
  assert {
    condition = {
      for widget in jsondecode(aws_cloudwatch_dashboard.overview.dashboard_body).widgets : widget.properties.region => split("'", widget.properties.query)[1] if widget.type == "log"
    } == { for region, row in var.regions : region => row.log_group }
    error_message = "every region's failures are read where they are"
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_dashboard.region)) == toset(["us-east-1", "eu-west-1"])
    error_message = "every region has a dashboard of its own"
  }
}

run "lines_have_the_dimensions_that_aws_tells_them_by" {
  command = plan

  assert {
    condition = toset(flatten([
      for dashboard in aws_cloudwatch_dashboard.region : [
        for widget in jsondecode(dashboard.dashboard_body).widgets : [for line in try(widget.properties.metrics, []) : "${line[2]} ${line[4]}" if line[0] == "AWS/ElastiCache"]
      ]
    ])) == toset(["CacheClusterId CacheNodeId"])
    error_message = "ElastiCache tells of nodes, never of a replication group"
  }
  assert {
    condition = {
      for region, dashboard in aws_cloudwatch_dashboard.region : region => join(", ", flatten([
        for widget in jsondecode(dashboard.dashboard_body).widgets : [for line in try(widget.properties.metrics, []) : "${line[1]} ${line[2]} ${line[3]}" if line[0] == "AWS/RDS"]
      ]))
      } == {
      us-east-1 = "DatabaseConnections DBClusterIdentifier meridian-prod-us-east-1, AuroraReplicaLagMaximum DBClusterIdentifier meridian-prod-us-east-1"
      eu-west-1 = "DatabaseConnections DBInstanceIdentifier meridian-prod-eu-west-1, DatabaseConnections DBInstanceIdentifier meridian-prod-eu-west-1-reader-01, ReplicaLag DBInstanceIdentifier meridian-prod-eu-west-1-reader-01"
    }
    error_message = "Aurora tells of its cluster, plain RDS of instances"
  }
}

run "a_region_that_answers_no_health_checks_is_told" {
  command = plan

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.region_unhealthy :
      alarm.comparison_operator == "LessThanThreshold" && alarm.threshold == 1 && alarm.treat_missing_data == "breaching"
    ])
    error_message = "silence is bad news"
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.every_region[0].alarm_rule == "ALARM(\"meridian-prod-eu-west-1-unhealthy\") AND ALARM(\"meridian-prod-us-east-1-unhealthy\")"
    error_message = "all regions together are an alarm of their own"
  }
}

run "an_arn_instead_of_a_dimension_is_refused" {
  command = plan
  variables {
    regions = { us-east-1 = { load_balancer = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/x/1", database = { engine = "aurora-postgresql", identifier = "a", instances = [] }, cache_nodes = ["b"], log_group = "c" } }
  }
  expect_failures = [var.regions]
}

run "dashboards_of_nothing_are_refused" {
  command = plan
  variables {
    regions = {}
  }
  expect_failures = [var.regions]
}
