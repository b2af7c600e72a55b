"""What the shop keeps about people, and where it must never appear."""
