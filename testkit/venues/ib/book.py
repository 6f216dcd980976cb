"""The gateway's memory: orders, executions, positions, money. It outlives every connection."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from testkit.venues.ib.matching import BookOrder, Quote, fill_price

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEW_YORK = ZoneInfo("America/New_York")
_COMMISSION = Decimal("0.00002")
_PERM_BASE = 1_700_000_000
DONE = frozenset({"Filled", "Cancelled", "Inactive"})

CON_IDS = {"EURUSD": 12087792, "USDJPY": 15016059, "EURJPY": 14321016, "GBPUSD": 12087797}
"""Ids of contracts; any number would do."""


@dataclass(slots=True)
class Fill:
    """One execution, or the correction of one."""

    order: BookOrder
    execution_id: str
    units: Decimal
    price: Decimal
    cum_units: Decimal
    average: Decimal
    at_ns: int
    commission: Decimal


class Book:
    """Orders of one account.

    Parameters
    ----------
    account
        Its id.
    wall_ns
        Clock of executions and expiries.
    pip_parts
        Steps of a price per pip: IDEALPRO has 2 for most pairs, some have 10.
    """

    def __init__(self, account: str, wall_ns: Callable[[], int], pip_parts: int = 2) -> None:
        self.account = account
        self.pip_parts = pip_parts
        self.wall_ns = wall_ns
        self.orders: list[BookOrder] = []
        self.fills: list[Fill] = []
        self.quotes: dict[str, Quote] = {}
        self.submits: list[str] = []
        self.partial = Decimal(0)

    def min_tick(self, symbol: str) -> Decimal:
        """Return the price grid of a pair."""
        return Decimal("0.01" if symbol.endswith("JPY") else "0.0001") / self.pip_parts

    def moment(self, ts_ns: int) -> datetime:
        """Return a time in UTC."""
        return _EPOCH + timedelta(microseconds=ts_ns // 1_000)

    def find(self, client_id: int, order_id: str) -> BookOrder | None:
        """Return the order of a client under a number."""
        for order in self.orders:
            if order.client_id == client_id and order.fields["orderId"] == order_id:
                return order
        return None

    def orders_of(self, client_id: int) -> list[BookOrder]:
        """Return all orders of a client."""
        return [order for order in self.orders if order.client_id == client_id]

    def add(self, client_id: int, fields: dict[str, str]) -> BookOrder:
        """Take a new order."""
        order = BookOrder(dict(fields), client_id, _PERM_BASE + len(self.orders))
        rests = order.kind in {"STP", "STP LMT", "MIT", "TRAIL"}
        order.status = "PreSubmitted" if rests else "Submitted"
        self.orders.append(order)
        return order

    def working(self) -> list[BookOrder]:
        """Return the orders that may still trade."""
        return [order for order in self.orders if order.status not in DONE]

    def end(self, order: BookOrder, status: str) -> None:
        """End an order."""
        order.status, order.ended_ns = status, self.wall_ns()

    def expire(self) -> list[BookOrder]:
        """End what has run out; return it."""
        now = self.moment(self.wall_ns())
        due = [order for order in self.working() if self._is_due(order, now)]
        for order in due:
            self.end(order, "Cancelled")
        return due

    def _is_due(self, order: BookOrder, now: datetime) -> bool:
        tif = order.fields["tif"]
        if tif == "GTD":
            ends = datetime.strptime(f"{order.fields['goodTillDate']}+0000", "%Y%m%d-%H:%M:%S%z")
            return now >= ends
        # A day order of a pair lives to 17:00 New York; the tests ask only at that hour.
        return tif == "DAY" and now.astimezone(_NEW_YORK).hour == 17

    def match(self, order: BookOrder) -> Fill | None:
        """Fill an order against the quote, as far as it goes."""
        quote = self.quotes.get(order.fields["symbol"] + order.fields["currency"])
        if quote is None or order.status in DONE:
            return None
        price = fill_price(order, quote)
        if order.triggered:
            order.status = "Submitted"
        if price is None:
            return None
        part, self.partial = self.partial, Decimal(0)
        all_or_none = order.fields["tif"] == "FOK"
        if part and all_or_none:
            return None
        return self.fill(order, min(part or order.leaves, order.leaves), price)

    def fill(self, order: BookOrder, units: Decimal, price: Decimal) -> Fill:
        """Book a fill."""
        order.filled += units
        order.cost += units * price
        number = f"0000e1a7.{order.perm_id:08x}.{len(order.executions) + 1:02d}.01"
        order.executions.append(number)
        made = Fill(
            order,
            number,
            units,
            price,
            order.filled,
            order.cost / order.filled,
            self.wall_ns(),
            max(Decimal(2), units * _COMMISSION),
        )
        self.fills.append(made)
        if not order.leaves:
            self.end(order, "Filled")
        return made

    def correct(self, execution_id: str, units: Decimal, price: Decimal) -> Fill:
        """Put other values in the place of an execution's, under its next revision."""
        old = [each for each in self.fills if each.execution_id == execution_id][-1]
        order = old.order
        order.filled += units - old.units
        order.cost += units * price - old.units * old.price
        base, _, revision = execution_id.rpartition(".")
        average = order.cost / order.filled if order.filled else Decimal(0)
        made = Fill(
            order,
            f"{base}.{int(revision) + 1:02d}",
            units,
            price,
            order.filled,
            average,
            self.wall_ns(),
            old.commission,
        )
        self.fills.append(made)
        return made

    def positions(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return signed units and average cost by symbol, executions by their newest revision."""
        newest = {each.execution_id.rpartition(".")[0]: each for each in self.fills}
        units: dict[str, Decimal] = {}
        cost: dict[str, Decimal] = {}
        for each in newest.values():
            symbol = each.order.fields["symbol"] + each.order.fields["currency"]
            signed = each.units if each.order.buys else -each.units
            held = units.get(symbol, Decimal(0))
            after = held + signed
            if held * signed >= 0:
                before = abs(held) * cost.get(symbol, Decimal(0))
                cost[symbol] = (
                    (before + abs(signed) * each.price) / abs(after) if after else each.price
                )
            elif held * after < 0:
                cost[symbol] = each.price
            units[symbol] = after
        return {symbol: (held, cost[symbol]) for symbol, held in units.items()}
