"""Accounts: what a fill makes of what is held, in each way a broker keeps positions.

Belongs here: matching of fills to open trades (netting, hedging, FIFO), the profit that they
realise, and what closing all would bring, in account currency.
Does not belong here: what becomes of an order (``trading.orders``), margin (``trading.risk`` and
the venues), and days, financing and statements (``trading.settlement``).
"""
