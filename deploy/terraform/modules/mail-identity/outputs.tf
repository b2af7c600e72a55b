# Nothing stands on what this module makes: the sender's role names the identity by its domain (modules/service-identity).
