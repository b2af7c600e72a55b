# The network of prod: a NAT gateway in each zone, flow logs for a year.
nat_gateways  = 3
flow_log_days = 365
