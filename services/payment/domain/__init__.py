"""The rules of a payment: tables and pure functions, no I/O."""
