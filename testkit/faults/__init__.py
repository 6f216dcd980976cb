"""Faults of what lies between this process and others.

Belongs here: a network that delays, loses and cuts, for tests.
Does not belong here: how a broker misbehaves (``testkit.venues``), and code that production runs.
"""
