"""The store: schema in numbered SQL files, the way to connect, and what is read back.

Belongs here: migrations and what applies them, table names, queries that other rooms read through.
Does not belong here: Bytewax, Kafka, decisions. Data goes in through ``sinks.clickhouse``.

Rules for a migration: a new file with the next number; only statements that may run twice
(``IF NOT EXISTS``), for a crash between two statements leaves the first one done; never an edit of
a file that was applied anywhere.
"""
