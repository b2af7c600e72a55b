"""Messages between services: envelope, outbox and relay, inbox and consumer, broker, routing as data."""
