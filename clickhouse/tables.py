"""The tables by name, and which topic each one keeps."""

from domain.topics import Topic

TABLE_OF: dict[Topic, str] = {
    topic: topic.value.replace(".", "_").replace("-", "_") for topic in Topic
} | {Topic.MODELS: "model_events"}
"""Table of each topic: its name with ``.`` and ``-`` as ``_``. What became of the models is kept as
``model_events``: ``models`` would promise the models themselves."""

TABLES: tuple[str, ...] = tuple(sorted(TABLE_OF.values()))
"""Tables that hold records, in the order of their names. ``runs`` is none of them."""

TICK_TOPICS = frozenset({Topic.TICKS, Topic.TICKS_REJECTED, Topic.TICKS_LATE})
"""Topics that carry tick records; every other one carries JSON."""

TICK_TABLES = frozenset({TABLE_OF[topic] for topic in TICK_TOPICS})
"""Tables whose rows come as a tick array; every other table takes decoded records."""
