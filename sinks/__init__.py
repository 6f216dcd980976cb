"""How data goes out: Bytewax sinks to ClickHouse and Kafka.

Belongs here: adapters only. Each is a ``FixedPartitionedSink`` that buffers, flushes in
``snapshot()`` and can be replayed without doubling anything.
Does not belong here: decisions, formulas, schemas of records or tables.
"""
