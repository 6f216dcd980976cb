"""What a run came to, read back: counts, profit, and the digests that two runs are compared by.

Every query reads with ``FINAL``, so that what was written twice counts once.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from clickhouse.tables import TABLES
from domain.bars import order_of
from domain.canonical import (
    BAR_LAYOUT,
    SIGNAL_LAYOUT,
    VOTE_COLUMNS,
    bars_sha256,
    signals_sha256,
    votes_text,
)

ACCOUNT_TOTAL = "*"
"""Symbol of the position that sums up its account."""


class Pnl(NamedTuple):
    """An account's total at its last mark, in account currency; None where no rate was known."""

    ts_event_ns: int
    realised: Decimal | None
    unrealised: Decimal | None
    equity: Decimal | None


class Counts(NamedTuple):
    """Orders of an account that went to its broker, those that our own checks refused, and fills.

    An order counts once, however many events it had.
    """

    orders: int
    orders_denied: int
    fills: int


def rows(client: Client, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query; ``{name:Type}`` in it stands for a parameter."""
    return [tuple(row) for row in client.query(query, parameters=parameters).result_rows]


class Voters(NamedTuple):
    """Who took part in a decision of a symbol: role and model id of each member."""

    symbol: str
    ts_event_ns: int
    members: tuple[tuple[str, str], ...]


def voters_at(client: Client, run: str, time_ns: int) -> list[Voters]:
    """Return who took part in the last decision of each symbol of a run, at or before a time.

    Parameters
    ----------
    time_ns
        Event time, nanoseconds UTC. Decisions at which no bar was there to ask about are passed
        over.
    """
    found = rows(
        client,
        "SELECT symbol, toUnixTimestamp64Nano(ts_event) AS ts_ns, vote_role, vote_model_id "
        "FROM signals FINAL WHERE run = {run:String} AND notEmpty(vote_role) "
        "AND ts_event <= fromUnixTimestamp64Nano({time_ns:Int64}) "
        "ORDER BY symbol, ts_ns DESC LIMIT 1 BY symbol",
        run=run,
        time_ns=time_ns,
    )
    return [
        Voters(symbol, ts_ns, tuple(zip(roles, ids, strict=True)))
        for symbol, ts_ns, roles, ids in found
    ]


def counts(client: Client, run: str) -> dict[str, int]:
    """Return the records of a run by table, every table named."""
    query = "SELECT count() FROM {table} FINAL WHERE run = {{run:String}}"
    return {table: rows(client, query.format(table=table), run=run)[0][0] for table in TABLES}


def rejected_by_reason(client: Client, run: str) -> dict[str, int]:
    """Return the rejected ticks by their first reason, so that the numbers add up to all of them.

    A tick keeps every reason in its row; its first is the lowest bit of its verdict.
    """
    found = rows(
        client,
        "SELECT reasons[1] AS reason, count() FROM ticks_rejected FINAL "
        "WHERE run = {run:String} GROUP BY reason ORDER BY reason",
        run=run,
    )
    return dict(found)


def bars_by_timeframe(client: Client, run: str, timeframes: Iterable[str]) -> dict[str, int]:
    """Return the number of bars by timeframe, short before long, the given ones all named."""
    found = rows(
        client,
        "SELECT timeframe, count() FROM bars FINAL WHERE run = {run:String} GROUP BY timeframe",
        run=run,
    )
    numbers = {**dict.fromkeys(timeframes, 0), **dict(found)}
    return {name: numbers[name] for name in sorted(numbers, key=order_of)}


def orders_sent(client: Client, run: str) -> int:
    """Return how many orders went to the broker, however many events each of them had."""
    query = (
        "SELECT uniqExact(account, client_order_id) FROM orders "
        "WHERE run = {run:String} AND status != 'denied'"
    )
    return int(rows(client, query, run=run)[0][0])


def orders_denied(client: Client, run: str) -> dict[str, int]:
    """Return how many orders our own checks refused, by reason."""
    found = rows(
        client,
        "SELECT reason, uniqExact(account, client_order_id) FROM orders "
        "WHERE run = {run:String} AND status = 'denied' GROUP BY reason ORDER BY reason",
        run=run,
    )
    return dict(found)


def fills(client: Client, run: str) -> int:
    """Return how many executions there were."""
    query = "SELECT count() FROM executions FINAL WHERE run = {run:String}"
    return int(rows(client, query, run=run)[0][0])


def pnl(client: Client, run: str) -> dict[str, Pnl]:
    """Return the last total of every account of a run, accounts ascending."""
    found = rows(
        client,
        "SELECT account, toUnixTimestamp64Nano(ts_event), realised_account, unrealised_account, "
        "equity_account FROM positions FINAL "
        "WHERE run = {run:String} AND symbol = {total:String} "
        "ORDER BY account, ts_event DESC LIMIT 1 BY account",
        run=run,
        total=ACCOUNT_TOTAL,
    )
    return {account: Pnl(*values) for account, *values in found}


def by_account(client: Client, run: str) -> dict[str, Counts]:
    """Return what each account of a run has done, accounts ascending."""
    found = rows(
        client,
        "SELECT account, uniqExactIf(client_order_id, status != 'denied'), "
        "uniqExactIf(client_order_id, status = 'denied') FROM orders "
        "WHERE run = {run:String} GROUP BY account ORDER BY account",
        run=run,
    )
    filled = rows(
        client,
        "SELECT account, count() FROM executions FINAL WHERE run = {run:String} GROUP BY account",
        run=run,
    )
    fills_of = dict(filled)
    return {
        account: Counts(sent, denied, fills_of.get(account, 0)) for account, sent, denied in found
    }


def sha256_bars(client: Client, run: str) -> str:
    """Return the digest of a run's bars in their canonical form (`domain.canonical`)."""
    return bars_sha256(_columns(client, "bars", run, BAR_LAYOUT))


def sha256_signals(client: Client, run: str) -> str:
    """Return the digest of a run's signals in their canonical form (`domain.canonical`)."""
    plain = [name for name in SIGNAL_LAYOUT if name != "votes"]
    columns = _columns(client, "signals", run, [*plain, *VOTE_COLUMNS])
    votes = zip(*(columns.pop(name) for name in VOTE_COLUMNS), strict=True)
    columns["votes"] = np.array([votes_text(*each) for each in votes], dtype=object)
    return signals_sha256(columns)


def arrow(client: Client, query: str, **parameters: Any) -> pa.Table:
    """Return the result of a query as an Arrow table."""
    return client.query_arrow(query, parameters=parameters)


def _columns(client: Client, table: str, run: str, layout: Iterable[str]) -> dict[str, Any]:
    # The order is the canonical form's business, so the server need not sort.
    names = ", ".join(
        f"toUnixTimestamp64Nano({name.removesuffix('_ns')}) AS {name}"
        if name.endswith("_ns")
        else name
        for name in layout
    )
    found = arrow(client, f"SELECT {names} FROM {table} FINAL WHERE run = {{run:String}}", run=run)  # noqa: S608 - names of our own
    return {name: found[name].to_numpy() for name in found.column_names}
