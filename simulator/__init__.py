"""A payment provider to develop against: its own process, its own durable book, outcomes scripted by token.

It shares no code with the shop, so its book is independent evidence of what was charged.
"""
