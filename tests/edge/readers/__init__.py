"""Readers of the generated files: each finds the rule a request falls to as its gateway would, and says what it does."""
