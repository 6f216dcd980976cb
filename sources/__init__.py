"""Feeds and Bytewax sources: how data comes in.

Belongs here: reading from feeds and logs, positions, and resuming at them.
Does not belong here: judging, deciding, writing.
"""
