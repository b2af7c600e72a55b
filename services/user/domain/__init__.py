"""The rules of the user service, free of any input or output."""
