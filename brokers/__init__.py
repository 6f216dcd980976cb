"""Brokers: venues behind the port ``trading.ports.Broker``, one module each.

Belongs here: the protocol of a venue, its own records, and the mapping of its errors to
``domain.errors``.
Does not belong here: decisions. What to trade, and whether an order may leave, is ``trading``'s.
"""
