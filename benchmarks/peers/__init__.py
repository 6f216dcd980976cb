"""Other engines on the same ticks: one script each, in an environment of their own.

Belongs here: what a competent user of that engine would write for the same work, and the check that
it did the same work. Does not belong here: anything that imports the product, or ours of the two.
README.md tells what each measures; ``.venv-peers`` is made from ``requirements/peers.txt``.
"""
