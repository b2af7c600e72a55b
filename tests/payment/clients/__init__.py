"""The providers: what their answers count as."""
