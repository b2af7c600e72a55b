"""Copies of the local database and the way back to any moment since: what Aurora does in the cloud, with the same server."""
