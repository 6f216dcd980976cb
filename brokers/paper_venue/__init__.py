"""The paper venue: a broker with a memory of its own, on the quotes of the log, in event time.

Belongs here: how orders wait, trigger, fill and end at a model broker; its charges, its margin, its
store.
Does not belong here: our own view of orders and risk (``trading``), and a wall clock: the venue's
time is the receive time of the log's records.
"""
