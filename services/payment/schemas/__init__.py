"""Response bodies of payment's API."""
