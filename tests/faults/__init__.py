"""What the shop does when it has too much to do, or when something it needs is broken."""
