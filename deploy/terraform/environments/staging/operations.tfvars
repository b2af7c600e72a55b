# Operations of staging: who is told and how long logs can be searched.
alarm_emails                = ["oncall-staging@example.com"]
log_days                    = 30
errors_per_five_minutes     = 20
least_database_memory_bytes = 1073741824
most_database_connections   = 1440

# Where a flag is declared and rolled out. No service asks for one yet: name one here with the code that does.
flags = {}
