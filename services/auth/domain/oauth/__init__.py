"""The rules of OAuth 2.1 and OpenID Connect, free of any input or output."""
