"""The daily comparison with the provider's book, and the cases it opens."""
