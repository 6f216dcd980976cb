"""What execution quality is computed from: the orders, fills and quotes of a run as on its log."""

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from clickhouse.records import select
from clickhouse.results import arrow, rows
from domain.nanos import DAY_NS
from domain.orders import Execution, Order
from domain.ticks import TickArray, new_records
from domain.topics import Topic

_IN_LOG_ORDER = "run = {run:String} AND account = {account:String} ORDER BY log_offset"


def orders(client: Client, run: str, account: str) -> list[Order]:
    """Return the records of ``orders`` of an account in a run, in their order."""
    return select(client, Topic.ORDERS, Order, _IN_LOG_ORDER, run=run, account=account)


def executions(client: Client, run: str, account: str) -> list[Execution]:
    """Return the records of ``executions`` of an account in a run, in their order."""
    return select(client, Topic.EXECUTIONS, Execution, _IN_LOG_ORDER, run=run, account=account)


def quotes(client: Client, run: str) -> Iterator[tuple[str, TickArray]]:
    """Yield the good ticks of a run, a symbol and a day (UTC) at a time, symbols ascending.

    Those of a symbol come day by day, within the day in the order of the log. Suspect ones are
    among them, with their verdict.
    """
    days = rows(
        client,
        "SELECT symbol, toUnixTimestamp64Nano(toDateTime64(toDate(ts_event), 9, 'UTC')) AS day_ns "
        "FROM ticks WHERE run = {run:String} GROUP BY symbol, day_ns ORDER BY symbol, day_ns",
        run=run,
    )
    for symbol, day_ns in days:
        yield symbol, _day(client, run, symbol, day_ns)


def passed_ns(client: Client, run: str) -> int:
    """Return an event time up to which the quotes of every symbol are whole; 0: none is known.

    Heartbeats are not kept. But a symbol decides at a boundary once its log has passed it, with or
    without a tick.
    """
    found = rows(
        client,
        "SELECT toUnixTimestamp64Nano(min(last)) FROM (SELECT max(ts_event) AS last FROM signals "
        "WHERE run = {run:String} GROUP BY symbol)",
        run=run,
    )
    return int(found[0][0])


def _day(client: Client, run: str, symbol: str, day_ns: int) -> TickArray:
    found = arrow(
        client,
        "SELECT toUnixTimestamp64Nano(ts_event) AS ts_event_ns, "
        "toUnixTimestamp64Nano(ts_recv) AS ts_recv_ns, "
        "seq, bid, ask, bid_size, ask_size, source, verdict FROM ticks FINAL "
        "WHERE run = {run:String} AND symbol = {symbol:String} "
        "AND ts_event >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') "
        "AND ts_event < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC') ORDER BY seq",
        run=run,
        symbol=symbol,
        from_ns=day_ns,
        to_ns=day_ns + DAY_NS,
    )
    records = new_records(found.num_rows)
    records["symbol"] = symbol.encode()
    for name in found.column_names:
        records[name] = found[name].to_numpy()
    return records
