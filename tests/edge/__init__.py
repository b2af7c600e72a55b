"""The edge: the table, what every gateway makes of it, and Envoy itself with it."""
