# Nothing stands on what this module makes.
