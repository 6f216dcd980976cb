"""FIX 4.4: orders and their reports over a session of the QuickFIX engine.

Belongs here: the session's settings and schedule, commands as messages, reports as events, the maps
of reject codes, and the engine itself, which only ``engine`` imports (optional extra ``fix``).
Does not belong here: a session layer of our own, and any decision about an order.
"""
