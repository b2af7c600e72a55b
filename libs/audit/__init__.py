"""Who did what, was refused what, and moved which money: written once, chained, and never changed."""
