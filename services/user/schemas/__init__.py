"""Request and response shapes of the user service: a module per subject."""
