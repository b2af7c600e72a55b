# The edge of dev.
shape               = "alb"
deletion_protection = false
