"""The whole local stack, as a newcomer starts it, and the journeys a shop lives by."""
