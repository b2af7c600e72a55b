"""The HTTP operations of payment."""
