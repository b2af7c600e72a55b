"""What services promise one another: message schemas, and clients against the real provider."""
