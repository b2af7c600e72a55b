# Operations of prod: who is told and how long logs can be searched.
alarm_emails                = ["oncall-prod@example.com"]
log_days                    = 90
errors_per_five_minutes     = 10
least_database_memory_bytes = 8589934592
most_database_connections   = 4000

# What services/*/flags.py declare, word for word. `enabled` says that a flag is, for the time being, not as its default is;
# docs/runbooks/flags.md turns one off within a minute.
flags = {
  checkout_open = {
    description = "Quotes and new orders are taken; off, they are answered 503 checkout_paused, and orders under way go on."
    default     = true
  }
  registration_open = {
    description = "New accounts are taken; off, registering is answered 503 registration_closed, and everybody else logs in."
    default     = true
  }
}
