# What exists once in dev: what may be spent, and what is delivered from where, in which order.
monthly_limit_usd = 3000
budget_emails     = ["costs@example.com"]
source_repository = { id = "your-organization/meridian", branch = "main" }
delivery_order    = ["ap-south-1", "eu-west-1", "us-east-1"]
