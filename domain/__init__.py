"""The nouns of the field: ticks, bars, instruments, calendar, orders, money, errors, ids.

Belongs here: frozen record types, their wire layout, and pure functions on them.
Does not belong here: input and output, clocks, anything that knows Kafka, Bytewax or ClickHouse.
"""
