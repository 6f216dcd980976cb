"""The broker's own record on demand: one order, or the whole account at one transaction."""

from brokers.oanda.config import OandaConfig
from brokers.oanda.documents import positions_of, trade_of
from brokers.oanda.ended import EndedOrders
from brokers.oanda.fills import fill_events
from brokers.oanda.known import KnownOrder, KnownOrders, KnownTrade
from brokers.oanda.reports import ended_report, open_report
from brokers.oanda.rest import Refusal, RestClient
from brokers.oanda.terms import OF_TRADE, terms_of
from brokers.oanda.wire import (
    Json,
    canonical_name,
    decimal_of,
    integer_of,
    optional_decimal,
    time_ns,
)
from domain.errors import Retry
from domain.ids import wire_id
from domain.orders import Order, OrderSide
from trading.venues import OrderReport, PositionMode, VenueSnapshot

_NOT_FOUND = 404
_MAX_REPLACES = 1_296
"""Requests about one order that have a name (`domain.ids.wire_id`)."""


class Records:
    """Reads of one account.

    Parameters
    ----------
    rest, config
        How to ask.
    known
        Symbols and sides of trades, which v20 does not repeat on their orders.
    """

    def __init__(self, rest: RestClient, config: OandaConfig, known: KnownOrders) -> None:
        self._rest = rest
        self._root = config.root
        self._position_mode = config.position_mode
        self._known = known

    async def details(self, timeout_s: float | None = None) -> Json:
        """Return the account with its open orders, trades and positions."""
        answer = await self._rest.read("account", self._root, timeout_s=timeout_s)
        account: Json = answer["account"]
        return account

    async def transactions_after(
        self, since: int, timeout_s: float | None = None
    ) -> tuple[list[Json], int]:
        """Return all transactions after an id, and the newest id there was."""
        found: list[Json] = []
        while True:
            answer = await self._rest.read(
                "transactions",
                f"{self._root}/transactions/sinceid",
                {"id": str(since)},
                timeout_s,
            )
            page: list[Json] = answer["transactions"]
            found += page
            newest = integer_of(answer, "lastTransactionID")
            since = max([since, *(integer_of(t, "id") for t in page)])
            if not page or since >= newest:
                return found, max(newest, since)

    async def query(self, order: Order, timeout_s: float) -> OrderReport | None:
        """Return what the broker has of one of our orders, behind all its replacements."""
        document = await self._find(order, timeout_s)
        if document is None:
            return None
        for _ in range(_MAX_REPLACES):
            following = document.get("replacedByOrderID")
            if following is None:
                break
            found = await self._get_order(str(following), timeout_s)
            if found is None:
                # A replacement that cannot be read yet is no reason to call the order canceled.
                msg = f"order {following}, which replaced {document['id']}, cannot be read yet"
                raise Retry(msg)
            document = found
        return await self.report(document, timeout_s)

    async def _find(self, order: Order, timeout_s: float) -> Json | None:
        names = [order.venue_order_id, "@" + wire_id(order.client_order_id, 0)]
        seen = self._known.newest(order.client_order_id)
        if seen is not None:
            names.insert(0, seen.venue_order_id)
        for name in dict.fromkeys(n for n in names if n):
            document = await self._get_order(name, timeout_s)
            if document is not None:
                return document
        if seen is not None:
            # It was acknowledged, and GET may lag behind for half a second.
            msg = f"order {seen.venue_order_id} is known and cannot be read yet"
            raise Retry(msg)
        return None

    async def _get_order(self, name: str, timeout_s: float) -> Json | None:
        path = f"{self._root}/orders/{name}"
        return await self._get(path, "order", timeout_s)

    async def _get(self, path: str, thing: str, timeout_s: float) -> Json | None:
        try:
            answer = await self._rest.read("records", path, timeout_s=timeout_s)
        except Refusal as refusal:
            if refusal.status == _NOT_FOUND:
                return None
            msg = f"{path}: {refusal}"
            raise Retry(msg) from refusal
        document: Json = answer[thing]
        return document

    async def report(self, document: Json, timeout_s: float) -> OrderReport:
        """Turn an order document into a report; the transaction that ended it is read."""
        known = await self.known_order(document, timeout_s)
        ending = document.get("fillingTransactionID") or document.get("cancellingTransactionID")
        if ending is None:
            return open_report(known, document)
        path = f"{self._root}/transactions/{ending}"
        last = await self._get(path, "transaction", timeout_s)
        if last is None:
            msg = f"transaction {ending}, which ended order {document['id']}, cannot be read"
            raise Retry(msg)
        return ended_report(known, last)

    async def known_order(self, document: Json, timeout_s: float) -> KnownOrder:
        """Read an order document as far as it does not depend on fills."""
        kind = str(document.get("type"))
        if kind in OF_TRADE:
            trade = await self._trade(str(document.get("tradeID")), timeout_s)
            symbol, units = trade.symbol, -trade.units
        else:
            symbol = canonical_name(str(document.get("instrument", "")))
            units = decimal_of(document, "units")
        wire = str((document.get("clientExtensions") or {}).get("id") or "")
        life, request = self._known.ours(wire) if wire else ("", -1)
        side: OrderSide = "buy" if units > 0 else "sell"
        number = str(document["id"])
        before = self._known.order(number)
        terms = terms_of(document, kind, abs(units)) if before is None else before.terms
        return KnownOrder(number, life, request, symbol, side, terms.quantity_units, terms)

    async def _trade(self, number: str, timeout_s: float) -> KnownTrade:
        known = self._known.trades.get(number)
        if known is not None:
            return known
        document = await self._get(f"{self._root}/trades/{number}", "trade", timeout_s)
        if document is None:
            msg = f"trade {number} cannot be read"
            raise Retry(msg)
        return trade_of(document)

    async def snapshot(self, since: int | None, timeout_s: float, now_ns: int) -> VenueSnapshot:
        """Return the account as of one transaction, with the fills and ends after ``since``.

        None for ``since`` means all fills of the account's life, and no order that has ended.
        v20 puts no time on it: it is ``now_ns``, when it was asked for.
        """
        account = await self.details(timeout_s)
        newest = integer_of(account, "lastTransactionID")
        transactions: list[Json] = []
        if (since or 0) < newest:
            found, _ = await self.transactions_after(since or 0, timeout_s)
            transactions = [t for t in found if integer_of(t, "id") <= newest]
        reports = [await self.report(order, timeout_s) for order in account["orders"]]
        ended: list[OrderReport] = []
        is_complete = True
        if since is not None:
            before = EndedOrders(self._known, lambda a, b: self._range(a, b, timeout_s))
            ended, is_complete = await before.reports(transactions)
        executions = [
            event
            for t in transactions
            if t["type"] == "ORDER_FILL"
            for event in fill_events(t, self._life(t), str(account["currency"]), time_ns(t))
        ]
        return VenueSnapshot(
            account=str(account["id"]),
            currency=str(account["currency"]),
            ts_event_ns=now_ns,
            orders=(*reports, *ended),
            executions=tuple(executions),
            positions=tuple(positions_of(account)),
            balance=optional_decimal(account, "balance"),
            equity=optional_decimal(account, "NAV"),
            margin_used=optional_decimal(account, "marginUsed"),
            last_sequence=newest,
            complete=is_complete,
            position_mode=self._mode_of(account),
        )

    async def _range(self, first: int, last: int, timeout_s: float) -> list[Json]:
        answer = await self._rest.read(
            "transactions",
            f"{self._root}/transactions/idrange",
            {"from": str(first), "to": str(last)},
            timeout_s,
        )
        found: list[Json] = answer["transactions"]
        return found

    def _mode_of(self, account: Json) -> PositionMode:
        """Return how the account keeps positions; v20 does not tell FIFO from netting."""
        if account.get("hedgingEnabled"):
            return "hedging"
        return "fifo" if self._position_mode == "fifo" else "netting"

    def _life(self, transaction: Json) -> str:
        wire = str(transaction.get("clientOrderID") or "")
        return self._known.ours(wire)[0] if wire else ""
