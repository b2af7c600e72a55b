"""PostgreSQL for the six services: sessions, roles and schemas, migrations."""
