"""The rules of identity, free of any input or output."""
