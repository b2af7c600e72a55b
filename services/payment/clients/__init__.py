"""The payment providers: what is asked of each (`protocol`), and one module per provider."""
