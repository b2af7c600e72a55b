"""The payment providers: what is asked of each (`protocol`), and the modules named after each."""
