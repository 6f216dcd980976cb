"""How the order of a signal is carried out: by an algorithm, and with a stop and a target.

Belongs here: the choice of algorithm and protection, the requests that follow from a signal, and
the looks at which parents and groups of a lane go on.
Does not belong here: how an algorithm slices (``trading.algos``), how exits depend on each other
(``trading.contingency``), and judging, journaling and sending their orders (``trading.desk``).
"""
