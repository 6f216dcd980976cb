"""Benchmarks: permanent ids, seeded inputs, ratios within one run on the same work.

Belongs here: what shows how fast or how good the product is, beside something that a reader knows.
Does not belong here: a pass or fail by time in a unit test. Run with ``make bench`` or
``make bench ID=bars-vs-pandas``; results go to ``benchmarks/results``.
"""
