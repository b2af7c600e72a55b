# The edge of prod.
shape               = "alb"
deletion_protection = true
