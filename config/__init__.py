"""Settings: one tree from defaults, a TOML file and the environment, frozen once read.

Belongs here: names, units, bounds and defaults of everything that a person may set.
Does not belong here: anything that acts on them. Only entrypoints import this room.
"""
