"""Risk: what stands between a wish to trade and a venue.

Belongs here: limits, exposure, the checks of one order before it leaves, the states in which an
account and its strategies may trade, and what lowers them. Pure: time and figures are passed in,
state is a plain mapping, and what cannot be computed denies.
Does not belong here: sending, journaling, timers and threads of their own, files and switches that
people press, or anything that knows a broker's protocol.
"""
