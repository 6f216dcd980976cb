"""Bytewax operators of our own: thin adapters between the engine and pure logic.

Belongs here: keyed steps, decoding, routing, meters.
Does not belong here: anything that decides; logic is built and tested without an engine.
"""
