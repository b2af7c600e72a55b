# What the regions of dev share.
routing_policy  = "latency"
bot_control     = null
shield_advanced = false
