"""The HTTP edge: problem documents, layers, conditional requests, outbound calls."""
