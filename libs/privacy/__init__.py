"""Personal data at rest: columns that only the service can read, searchable without being readable."""
