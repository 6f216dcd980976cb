"""Daily statements rebuilt from an account's journal alone: what it did, and what was charged.

The journal says what every fill realised, at the rate of its moment, and what every fill and the
venue charged; what is held at the end of a day is valued at quotes that are given.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from domain.adjustments import ADJUSTED, PositionAdjustment
from domain.balances import OpeningBalance
from domain.errors import BadUse
from domain.fx_calendar import roll_ns, trade_date
from domain.instruments import Instrument
from domain.order_events import OrderEvent
from domain.orders import Execution, Order
from trading.accounts.held import FLAT, HeldPosition, after_fill, fill_of_order, held_profit
from trading.accounts.trades import BookedFill, ConversionRates, fill_of
from trading.conversion import Quotes
from trading.desk.entries import fact_of
from trading.journal.entries import Entry
from trading.orders.book import OrderBook
from trading.settlement.items import Item, charge_item
from trading.settlement.statements import Funding, Statement, add, state_day
from trading.settlement.value_dates import NO_HOLIDAYS, HolidayCalendar, is_trade_date, value_date
from trading.venues import AccountCharge, PositionMode

_ZERO = Decimal(0)
_DAY = timedelta(days=1)


class Opening(NamedTuple):
    """The balance from which statements count, and what the journal had booked before it."""

    balance: OpeningBalance
    executions: int
    charges: int

    def includes(self, charge: AccountCharge, place: int) -> bool:
        """Say whether the balance has a charge in it: by the venue's own order, else the journal's.

        Parameters
        ----------
        place
            Of the charge among all charges of the journal (>= 0).
        """
        if charge.sequence is None or self.balance.sequence is None:
            return place < self.charges
        return charge.sequence <= self.balance.sequence


class Booked(NamedTuple):
    """What an account's journal has booked, in its order.

    Attributes
    ----------
    adjustments
        Positions that people answer for; the executions that stand for them are among the others.
    opening
        None where no venue has told a balance.
    orders
        Those behind the executions by client order id, taken over ones included.
    """

    executions: list[Execution]
    charges: list[AccountCharge]
    adjustments: tuple[PositionAdjustment, ...] = ()
    opening: Opening | None = None
    orders: Mapping[str, Order] = MappingProxyType({})

    def days(self) -> list[date]:
        """Return the trade dates on which something was booked, ascending."""
        moments = [execution.ts_event_ns for execution in self.executions]
        moments += [charge.ts_event_ns for charge in self.charges]
        return sorted({trade_date(ts_ns) for ts_ns in moments})


class Settlement(NamedTuple):
    """A fill and the day on which it settles."""

    execution: Execution
    value_date: date


def booked_of(entries: Iterable[Entry]) -> Booked:
    """Return what the entries of a journal have booked.

    Raises
    ------
    Corrupt
        If an entry cannot be read.
    """
    executions: list[Execution] = []
    charges: list[AccountCharge] = []
    adjustments: list[PositionAdjustment] = []
    opening: Opening | None = None
    books: dict[str, OrderBook] = {}
    for entry in entries:
        match fact_of(entry):
            case Execution() as execution:
                executions.append(execution)
            case AccountCharge() as charge:
                charges.append(charge)
            case PositionAdjustment() as adjustment:
                adjustments.append(adjustment)
            case OpeningBalance() as balance:
                opening = Opening(balance, len(executions), len(charges))
            case Order() | OrderEvent() as fact:
                books.setdefault(entry.account, OrderBook(entry.account)).apply(fact)
    orders = {
        state.order.client_order_id: state.order
        for book in books.values()
        for state in book.states()
    }
    return Booked(executions, charges, tuple(adjustments), opening, orders)


def previous_trade_date(day: date) -> date:
    """Return the last trade date before a day."""
    day -= _DAY
    while not is_trade_date(day):
        day -= _DAY
    return day


class Books:
    """The statements of one account.

    Parameters
    ----------
    account, currency
        Its name, and the ISO 4217 code in which it is kept.
    start_balance
        Its balance before the first entry; of no account whose venue has told an opening balance.
    booked
        What its journal says.
    instruments
        Of at least the symbols in it.
    quotes_of
        Gives the last quotes before the roll that ends a trade date: a position without one is not
        valued, and a charge in another currency is not converted.
    mode
        How the account keeps positions.

    Raises
    ------
    BadUse
        If the journal has a fill of a symbol without an instrument, or where trades are kept apart
        one of an order that it does not have.
    """

    def __init__(
        self,
        account: str,
        currency: str,
        start_balance: Decimal,
        booked: Booked,
        instruments: Mapping[str, Instrument],
        quotes_of: Callable[[date], Quotes],
        mode: PositionMode = "netting",
    ) -> None:
        strange = {one.symbol for one in booked.executions} - instruments.keys()
        if strange:
            msg = (
                f"the journal of {account} has fills of {', '.join(sorted(strange))}: without an "
                "instrument they cannot be stated"
            )
            raise BadUse(msg)
        lost = {one.client_order_id for one in booked.executions} - booked.orders.keys()
        if lost and mode != "netting":
            msg = (
                f"the journal of {account} has fills of orders that it does not have: "
                f"{', '.join(sorted(lost))}; which trades they closed cannot be told"
            )
            raise BadUse(msg)
        self._mode = mode
        self._account = account
        self._currency = currency
        self._start_balance = start_balance
        self._booked = booked
        self._instruments = instruments
        self._quotes_of = cache(quotes_of)

    def statement(self, day: date) -> Statement:
        """Return the statement of a trade date."""
        before, behind = self._items()
        opening = self._booked.opening
        balance: Decimal | None = self._start_balance if opening is None else opening.balance.amount
        for item in behind:
            if item.trade_date < day:
                balance = add(balance, item.amount_account)
        for item in before:
            # It is in the opening balance, and had not happened yet when the day began.
            if item.trade_date >= day:
                amount = item.amount_account
                balance = add(balance, None if amount is None else -amount)
        return state_day(
            self._account,
            self._currency,
            day,
            Funding(balance, self._unrealised(previous_trade_date(day))),
            [item for item in (*before, *behind) if item.trade_date == day],
            self._unrealised(day),
        )

    def adjustments(self, day: date) -> list[PositionAdjustment]:
        """Return what people have added to positions on a trade date, in the journal's order."""
        booked = {
            one.execution_id
            for one in self._booked.executions
            if trade_date(one.ts_event_ns) == day
        }
        return [one for one in self._booked.adjustments if one.execution_id in booked]

    def settlements(self, day: date, calendar: HolidayCalendar = NO_HOLIDAYS) -> list[Settlement]:
        """Return the fills of a trade date with their value dates, in the journal's order.

        Adjustments are none: nobody dealt them on that day.
        """
        return [
            Settlement(one, value_date(self._instruments[one.symbol], day, calendar))
            for one in self._booked.executions
            if trade_date(one.ts_event_ns) == day and not one.execution_id.startswith(ADJUSTED)
        ]

    def positions(self, day: date) -> dict[str, HeldPosition]:
        """Return what is held at the end of a trade date by symbol; what is flat is left out."""
        held: dict[str, HeldPosition] = {}
        end_ns = roll_ns(day)
        for one in self._booked.executions:
            if one.ts_event_ns < end_ns:
                before = held.get(one.symbol, FLAT)
                held[one.symbol] = after_fill(before, self._fill(one), self._mode).held
        return {symbol: held[symbol] for symbol in sorted(held) if held[symbol].is_open}

    def _fill(self, execution: Execution) -> BookedFill:
        order = self._booked.orders.get(execution.client_order_id)
        rates = ConversionRates(None, None)
        # A net position does not ask what the order was.
        return (
            fill_of(execution, rates) if order is None else fill_of_order(execution, order, rates)
        )

    def _unrealised(self, day: date) -> Decimal | None:
        total: Decimal | None = _ZERO
        for symbol, held in self.positions(day).items():
            instrument, quotes = self._instruments[symbol], self._quotes_of(day)
            total = add(total, held_profit(held, instrument, self._currency, quotes))
        return total

    def _items(self) -> tuple[list[Item], list[Item]]:
        """Return what the opening balance has in it already, and what came behind it."""
        before: list[Item] = []
        behind: list[Item] = []
        opening = self._booked.opening
        for place, one in enumerate(self._booked.executions):
            known = opening is not None and place < opening.executions
            (before if known else behind).extend(self._execution_items(one))
        for place, charge in enumerate(self._booked.charges):
            item = charge_item(charge, self._currency, {})
            if item.amount_account is None:
                quotes = self._quotes_of(item.trade_date)
                item = charge_item(charge, self._currency, quotes)
            known = opening is not None and opening.includes(charge, place)
            (before if known else behind).append(item)
        return before, behind

    def _execution_items(self, execution: Execution) -> list[Item]:
        """Return what a fill realised and what it cost, as they were converted then."""
        day, at_ns = trade_date(execution.ts_event_ns), execution.ts_event_ns
        name, symbol = execution.execution_id, execution.symbol
        items: list[Item] = []
        if execution.pnl_quote:
            quote = self._instruments[symbol].quote
            amount, known = execution.pnl_quote, execution.pnl_account
            items.append(Item("realised", name, symbol, day, at_ns, amount, quote, known))
        if execution.commission:
            currency = execution.commission_currency or self._currency
            cost = execution.commission_account
            known = None if cost is None else -cost
            amount = -execution.commission
            items.append(Item("commission", name, symbol, day, at_ns, amount, currency, known))
        return items
