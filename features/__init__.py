"""Incremental maths and kernels, one idea a file: tick quality, bars, features.

Belongs here: frozen config -> ``build(resume_state)`` -> logic, pure and replayable.
Does not belong here: Bytewax, Kafka, clocks, models, anything that decides to trade.
"""
