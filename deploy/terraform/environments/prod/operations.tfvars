# Operations of prod: who is told, how long logs can be searched, and which features are on.
alarm_emails                = ["oncall-prod@example.com"]
log_days                    = 90
errors_per_five_minutes     = 10
least_database_memory_bytes = 8589934592
most_database_connections   = 4000

flags = {
  guest_checkout = { description = "People may buy without an account", enabled = true }
  live_updates   = { description = "Order pages update themselves (SSE)", enabled = true }
}
