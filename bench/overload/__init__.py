"""What becomes of a shop that is asked for three times what it can do: `python -m bench.overload`."""
