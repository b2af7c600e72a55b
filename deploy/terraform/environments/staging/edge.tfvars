# The edge of staging.
shape               = "alb"
deletion_protection = false
