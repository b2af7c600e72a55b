"""The pure rules of an order: `states` (legal edges), `saga` (what an event means), `pricing` (totals)."""
