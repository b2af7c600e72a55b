# Operations of dev: who is told, how long logs can be searched, and which features are on.
alarm_emails                = ["oncall-dev@example.com"]
log_days                    = 14
errors_per_five_minutes     = 100
least_database_memory_bytes = 268435456
most_database_connections   = 360

flags = {
  guest_checkout = { description = "People may buy without an account", enabled = true }
  live_updates   = { description = "Order pages update themselves (SSE)", enabled = true }
}
