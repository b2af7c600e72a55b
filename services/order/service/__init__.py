"""The use cases: `checkout` (quote, place), `orders` (read, cancel, ship, refund), `progress` (saga steps), `sweeper`, `following`."""
