"""The use cases of auth: accounts, logins, sessions, and the keys and tokens they need."""
