"""The one owner of Redis: rebuildable state only, and a stated answer for every moment Redis is away."""
