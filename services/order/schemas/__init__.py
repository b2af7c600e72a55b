"""Shapes of order's interface: `requests` that come in, `responses` that go out."""
