output "dashboards" {
  description = "Names of the dashboards, overview first"
  value       = concat([aws_cloudwatch_dashboard.overview.dashboard_name], [for one in aws_cloudwatch_dashboard.region : one.dashboard_name])
}
