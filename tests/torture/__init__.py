"""The torture: its plans, its history, and above all its checker."""
