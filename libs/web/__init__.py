"""The HTTP edge of every service: application defaults, problem documents, conditional requests, outbound calls."""
