# What the regions of staging share.
routing_policy  = "latency"
bot_control     = null
shield_advanced = false
