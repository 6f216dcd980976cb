"""The dataflows: ingest, trading, execution, archive, and all of them fused.

Belongs here: wiring sources, steps and sinks into one graph each.
Does not belong here: arithmetic, decisions, anything that a test would need an engine for.
"""
