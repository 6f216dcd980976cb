"""Records read back from their tables as they were on their topics."""

from typing import Any, TypeVar

import msgspec
from clickhouse_connect.driver.client import Client

from clickhouse.results import rows
from clickhouse.tables import TABLE_OF
from domain.topics import Topic

R = TypeVar("R", bound=msgspec.Struct)

_MOMENTS = {"ts_event_ns": "ts_event", "ts_recv_ns": "ts_recv", "expire_ns": "ts_expire"}


def select(client: Client, topic: Topic, record: type[R], which: str, **parameters: Any) -> list[R]:
    """Return records of a topic, each once; ``record`` is the struct of the topic.

    Parameters
    ----------
    which
        What stands behind ``WHERE``: of which run, in which order.
    parameters
        What ``{name:Type}`` in it stands for.
    """
    fields = [name for name in record.__struct_fields__ if name != "v"]
    columns = ", ".join(
        f"toUnixTimestamp64Nano({_MOMENTS[name]})" if name in _MOMENTS else name for name in fields
    )
    query = f"SELECT {columns} FROM {TABLE_OF[topic]} FINAL WHERE {which}"  # noqa: S608 - names of our own
    return [
        msgspec.convert(dict(zip(fields, row, strict=True)), record)
        for row in rows(client, query, **parameters)
    ]
