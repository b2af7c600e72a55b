"""The use cases of payment: commands, settlement with the provider, webhooks and reading."""
