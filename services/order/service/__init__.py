"""The business story: placing orders, following them, changing them, driving them on, auditing them."""
