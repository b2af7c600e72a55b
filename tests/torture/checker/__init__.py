"""Every rule of the checker against a state that keeps it and one that breaks it."""
