"""The rules of catalogue, stock and reservations, free of any I/O."""
