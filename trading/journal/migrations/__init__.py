"""How the journal's tables came to be as they are, step by step; run when a journal is opened.

Belongs here: alembic's environment and, in ``versions``, one file a step. A step that has shipped
is never edited: a later one changes what it made.
Does not belong here: anything that a running journal calls, or that changes an entry.
"""
