"""Bugs planted on purpose, each into a private copy of the tree, to prove that the checker sees them."""
