"""The steps, in the order of their numbers.

Belongs here: one module a step, with ``revision``, ``down_revision`` and ``upgrade``.
Does not belong here: a way back (``downgrade``): a journal is restored from a backup, not undone.
"""
