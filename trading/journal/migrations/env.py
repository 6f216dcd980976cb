"""Alembic's environment: the connection is handed in by `trading.journal.schema`, never opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
# The caller has begun a transaction of its own, and all steps are one commit in it.
context.run_migrations()
