"""Request and response bodies of product's API."""
