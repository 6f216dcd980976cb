"""Entrypoint room: pages and HTTP over what the topics say.

Belongs here: ``View``, which keeps what a run looks like right now; the app that serves it as a
page, as JSON and as a stream; the server; the same view on a console.
Does not belong here: decisions, reading Kafka or ClickHouse, anything that a run waits for.
"""
