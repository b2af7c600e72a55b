output "messaging" {
  description = "What services, their roles and the dashboards need of topics and queues; keys are names of the routing file."
  value = {
    topic_arns            = module.messaging.topic_arns
    queue_arns            = module.messaging.queue_arns
    queue_urls            = module.messaging.queue_urls
    dead_letter_arns      = module.messaging.dead_letter_arns
    publisher_topics      = module.messaging.publisher_topics
    consumer_queues       = module.messaging.consumer_queues
    consumer_dead_letters = module.messaging.consumer_dead_letters
    command_queues        = module.messaging.command_queues
    alarm_arns            = module.messaging.alarm_arns
  }
}
