"""Accounts: what fills make of open trades and realised profit, in each way a broker keeps them.

Belongs here: matching of fills to open trades (netting, hedging, FIFO), realised and unrealised
profit in account currency, margin, and what may be closed.
Does not belong here: what becomes of an order (``trading.orders``), and days, financing and
statements (``trading.settlement``).
"""
