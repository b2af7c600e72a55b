# Operations of dev: who is told and how long logs can be searched.
alarm_emails                = ["oncall-dev@example.com"]
log_days                    = 14
errors_per_five_minutes     = 100
least_database_memory_bytes = 268435456
most_database_connections   = 360

# Where a flag is declared and rolled out. No service asks for one yet: name one here with the code that does.
flags = {}
