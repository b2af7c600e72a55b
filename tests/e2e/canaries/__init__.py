"""Values that stand for people, pushed through every operation and looked for wherever something is kept or told."""
