"""The checks of one order: each takes a `trading.risk.case.Case` and returns a denial or None.

Belongs here: one small function per check, in files by theme, without state of their own.
Does not belong here: which checks are run and in which order (`trading.risk.gate`), and what they
remember between orders (`trading.risk.flow`, `trading.risk.losses`).
"""
