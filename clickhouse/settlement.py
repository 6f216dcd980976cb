"""What a statement needs of the archive: the market and the account just before a roll."""

from decimal import Decimal

from clickhouse_connect.driver.client import Client

from clickhouse.results import ACCOUNT_TOTAL, rows
from domain.nanos import DAY_NS
from domain.ticks import SUSPECT

_LOOK_BACK_NS = 7 * DAY_NS
"""No closed market lasts longer; an older quote values nothing."""


def last_prices(client: Client, run: str, before_ns: int) -> dict[str, tuple[float, float]]:
    """Return the last sound bid and ask of each symbol of a run before a moment."""
    found = rows(
        client,
        "SELECT symbol, argMax(bid, (ts_event, seq)), argMax(ask, (ts_event, seq)) FROM ticks "
        "WHERE run = {run:String} AND ts_event < fromUnixTimestamp64Nano({before:Int64}, 'UTC') "
        "AND ts_event >= fromUnixTimestamp64Nano({since:Int64}, 'UTC') "
        "AND bitAnd(verdict, {suspect:UInt32}) = 0 GROUP BY symbol ORDER BY symbol",
        run=run,
        before=before_ns,
        since=before_ns - _LOOK_BACK_NS,
        suspect=int(SUSPECT),
    )
    return {symbol: (bid, ask) for symbol, bid, ask in found}


def last_balance(client: Client, run: str, account: str, before_ns: int) -> Decimal | None:
    """Return the balance at an account's last mark before a moment; None where it is unknown."""
    found = rows(
        client,
        "SELECT equity_account - unrealised_account FROM positions FINAL "
        "WHERE run = {run:String} AND account = {account:String} AND symbol = {total:String} "
        "AND ts_event < fromUnixTimestamp64Nano({before:Int64}, 'UTC') "
        "ORDER BY ts_event DESC LIMIT 1",
        run=run,
        account=account,
        total=ACCOUNT_TOTAL,
        before=before_ns,
    )
    return found[0][0] if found else None
