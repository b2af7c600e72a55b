# Operations of prod: who is told and how long logs can be searched.
alarm_emails                = ["oncall-prod@example.com"]
log_days                    = 90
errors_per_five_minutes     = 10
least_database_memory_bytes = 8589934592
most_database_connections   = 4000

# Where a flag is declared and rolled out. No service asks for one yet: name one here with the code that does.
flags = {}
