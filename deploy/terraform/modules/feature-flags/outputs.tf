output "application_id" {
  description = "Id of the application in AppConfig"
  value       = aws_appconfig_application.this.id
}

output "environment_id" {
  description = "Id of the environment"
  value       = aws_appconfig_environment.this.environment_id
}

output "at_once_strategy_id" {
  description = "Id of the strategy that turns a flag for everybody at once"
  value       = aws_appconfig_deployment_strategy.at_once.id
}

output "profile_id" {
  description = "Id of the profile that holds the flags"
  value       = aws_appconfig_configuration_profile.this.configuration_profile_id
}
