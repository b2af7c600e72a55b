"""OAuth 2.1 and OpenID Connect: who may ask, what people allowed, and what they get for it."""
