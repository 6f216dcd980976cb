"""Entrypoints: the command line, the supervisor of a run, workers, training, backtest, doctor.

Belongs here: composing the rooms below into something that a person starts, and what that person
is told. Clocks and processes are read and made here.
Does not belong here: anything that decides about ticks, models or orders, or that a worker needs.
"""
