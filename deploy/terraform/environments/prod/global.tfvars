# What the regions of prod share.
routing_policy  = "latency"
bot_control     = "COMMON"
shield_advanced = false
