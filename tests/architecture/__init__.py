"""The house rules of CONTRIBUTING.md, held against the code."""
