"""Everything that calls, tried on everything that can be called."""
