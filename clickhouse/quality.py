"""Execution quality read back: the records of a run as they were measured."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from clickhouse_connect.driver.client import Client

from clickhouse.records import select
from domain.quality import ExecutionQuality, OrderQuality, QualityEvent
from domain.topics import Topic

R = TypeVar("R", ExecutionQuality, OrderQuality, QualityEvent)


def fills(client: Client, run: str) -> list[ExecutionQuality]:
    """Return the measured fills of a run, by time and execution id."""
    found = _read(client, Topic.QUALITY_FILLS, ExecutionQuality, run)
    return sorted(found, key=lambda fill: (fill.ts_event_ns, fill.execution_id))


def orders(client: Client, run: str) -> list[OrderQuality]:
    """Return the measured orders of a run, by time of their end and client order id."""
    found = _read(client, Topic.QUALITY_ORDERS, OrderQuality, run)
    return sorted(found, key=lambda order: (order.ts_event_ns, order.client_order_id))


def events(client: Client, run: str) -> list[QualityEvent]:
    """Return what was remarkable about the fills of a run, by time, execution id and code."""
    found = _read(client, Topic.QUALITY_EVENTS, QualityEvent, run)
    return sorted(found, key=lambda e: (e.ts_event_ns, e.execution_id, e.code, e.measure))


def records(client: Client, run: str) -> list[ExecutionQuality | OrderQuality | QualityEvent]:
    """Return all of them."""
    return [*fills(client, run), *orders(client, run), *events(client, run)]


def of_accounts(
    client: Client, accounts: Sequence[str], most: int
) -> list[ExecutionQuality | OrderQuality | QualityEvent]:
    """Return what some accounts have cost in all runs, oldest first.

    Parameters
    ----------
    most
        Newest records of each kind and account to read (> 0).
    """
    newest = f"account IN {{accounts:Array(String)}} ORDER BY ts_event DESC LIMIT {most} BY account"
    fills = select(client, Topic.QUALITY_FILLS, ExecutionQuality, newest, accounts=list(accounts))
    orders = select(client, Topic.QUALITY_ORDERS, OrderQuality, newest, accounts=list(accounts))
    events = select(client, Topic.QUALITY_EVENTS, QualityEvent, newest, accounts=list(accounts))
    found: list[ExecutionQuality | OrderQuality | QualityEvent] = [*fills, *orders, *events]
    return sorted(found, key=lambda one: (one.ts_event_ns, msgspec.json.encode(one)))


def _read(client: Client, topic: Topic, record: type[R], run: str) -> list[R]:
    return select(client, topic, record, "run = {run:String}", run=run)
