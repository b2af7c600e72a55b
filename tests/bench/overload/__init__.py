"""The overload measurement: its arithmetic and its page, not its figures."""
