"""Routing: which of several accounts an order goes to, and why not to the others.

Belongs here: what speaks against an account for an order, what dealing there has cost as measured,
and the choice of one.
Does not belong here: measuring what executions cost (``trading.tca``), and the limits of an account
(``trading.risk`` judges what is routed as any other order).
"""
