"""OAuth 2.1 and OpenID Connect, as applications and browsers see them."""
