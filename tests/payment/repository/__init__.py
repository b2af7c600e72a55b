"""Payment's repositories against the database."""
