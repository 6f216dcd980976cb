"""Interactive Brokers: an account at a TWS or IB Gateway, over its socket API.

The library is ``ib_async``; of it only the protocol is used (its client and decoder), not its own
book of trades: that book guesses states which TWS never sent (an order with a warning counts as
canceled), and a fill of an order that it does not know raises no event. Importing it neither
patches event loops nor warns; its ``util.patchAsyncio``, which would, is never called.

Belongs here: the protocol, its codes, its ids, and the connection with its daily reset.
Does not belong here: decisions, and what any other broker shares.
"""
