"""Venues for tests: servers that speak a broker's real protocol over loopback.

Belongs here: servers written from the public protocol documents, which each of them names, with
switches to misbehave. Does not belong here: anything that production code could reach.
"""
