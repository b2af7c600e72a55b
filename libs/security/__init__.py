"""Who is calling: user tokens, service tokens, live sessions and the table of who may call what."""
