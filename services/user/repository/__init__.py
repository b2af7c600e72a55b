"""Every query of the user service: a module per subject."""
