"""Trading: what a prediction is worth holding, and the orders that get there.

Belongs here: signals, sizing, pre-trade risk, positions, currency conversion, the order ledger and
the execution engine. All of it is driven by the log: no clock, and the same records give the same
orders however they arrive.
Does not belong here: anything that knows Bytewax, Kafka, ClickHouse or a web server, and any
venue's protocol (that is ``brokers``, behind ``trading.ports.Broker``).
"""
