"""Transaction cost analysis: what executions cost against the market, as they happen or afterwards.

Belongs here: benchmarks from the quotes of the log, the measures of fills and orders, outliers,
reports by group, and the paper venue's parameters fitted from them.
Does not belong here: money that is booked (``trading.accounts``, ``trading.settlement``), and where
quotes and records are read from or published to.
"""
