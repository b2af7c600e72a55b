"""What people can do: a module per subject."""
