"""Execution algorithms: one large order worked as many small ones, over time.

Belongs here: the parents, the algorithms that slice them, the profile of market activity that one
of them follows, and the rule that children never come to more than their parent asked for. All of
it is pure: time and market come in, wishes for orders go out.
Does not belong here: judging, journaling and sending the children (the desk does, as for any other
order), orders that protect or exclude each other (``trading.contingency``), and the choice of an
account (``trading.routing``).
"""
