# Operations of staging: who is told, how long logs can be searched, and which features are on.
alarm_emails                = ["oncall-staging@example.com"]
log_days                    = 30
errors_per_five_minutes     = 20
least_database_memory_bytes = 1073741824
most_database_connections   = 1440

flags = {
  guest_checkout = { description = "People may buy without an account", enabled = true }
  live_updates   = { description = "Order pages update themselves (SSE)", enabled = true }
}
