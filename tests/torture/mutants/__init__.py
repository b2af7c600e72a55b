"""The planted bugs fit the code as it is."""
