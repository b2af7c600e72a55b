"""Breaks the running shop on purpose and has an independent checker judge what is left."""
