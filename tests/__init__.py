"""Every test; folders mirror the code."""
