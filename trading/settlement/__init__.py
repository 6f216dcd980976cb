"""Settlement: what each day does to an account, in its own currency and line by line.

Belongs here: value dates, financing at the roll, commission and transfers as lines, confirmations
matched to fills, daily statements and how they are written.
Does not belong here: open trades and realised profit (``trading.accounts``), and any venue's
protocol (``brokers``).
"""
