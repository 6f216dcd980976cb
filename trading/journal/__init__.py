"""The journal: what an account did and learned, on disk before it counts, and provably unchanged.

One file (SQLite) or database (PostgreSQL) holds, for each account, a hash-chained log of entries,
the lease of its one writer, and tables of orders, executions and positions as they stand.
`trading.journal.journal.Journal` is the door; the other modules are what it is made of.

Belongs here: the schema and its migrations, the chain and its check, the lease and its fence, and
the reading and writing of all of them.
Does not belong here: what an entry means. Folding entries into orders is for ``trading.orders``;
a payload is bytes here.
"""
