"""Contingencies: orders that depend on each other. OCO, OTO, brackets, stops that trail.

Belongs here: groups of orders as pure state machines over their members' states, which say what to
submit, cancel and resize next, and when the orders of a day expire.
Does not belong here: judging, journaling and sending the members (the desk does, as for any other
order), and the slicing of one order into many (``trading.algos``).
"""
