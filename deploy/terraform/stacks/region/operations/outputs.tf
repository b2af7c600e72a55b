output "operations" {
  description = "What the master's dashboards show, and what the charts need."
  value = {
    alarm_topic_arn = module.observability.alarm_topic_arn
    alarm_arns      = values(module.observability.composite_alarm_arns)
    sink_arn        = module.observability.sink_arn
    feature_flags = {
      application_id      = module.feature_flags.application_id
      environment_id      = module.feature_flags.environment_id
      profile_id          = module.feature_flags.profile_id
      at_once_strategy_id = module.feature_flags.at_once_strategy_id
    }
    athena_workgroup = module.analytics.workgroup
    glue_database    = module.analytics.database
  }
}
