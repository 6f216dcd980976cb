"""OANDA v20: order entry and account over REST, transactions and prices over two streams.

The protocol is spoken with `httpx` itself. The typed client `fivetwenty` keeps decimals and never
repeats a write, but its streaming host cannot be pointed elsewhere, it drops a stream's line that
it cannot parse, and it takes an unknown kind of transaction in an answer for a failed request.

Belongs here: the v20 protocol, its records and reasons, and what they are in our words.
Does not belong here: decisions about orders, and anything that another broker shares.
"""
