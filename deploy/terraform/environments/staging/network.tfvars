# The network of staging: one NAT gateway for all zones, flow logs for a month.
nat_gateways  = 1
flow_log_days = 30
