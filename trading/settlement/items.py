"""Items of a statement: every amount that moved the balance, with its line, cause and day."""

from datetime import date
from decimal import Decimal
from typing import Literal, get_args

import msgspec

from domain.fx_calendar import trade_date, trade_day_start_ns
from domain.orders import Execution
from trading.accounts.history import Change
from trading.accounts.trades import ClosedPart
from trading.conversion import Quotes, profit_rate, to_account
from trading.settlement.financing import Financing
from trading.venues import AccountCharge

Line = Literal["realised", "swap", "commission", "dividend", "transfer", "correction"]
LINES: tuple[Line, ...] = get_args(Line)
"""Lines of a statement that move the balance, in the order in which they are written."""

_LINE_OF_CHARGE: dict[str, Line] = {
    "financing": "swap",
    "commission": "commission",
    "dividend": "dividend",
    "transfer": "transfer",
    "correction": "correction",
}


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One amount of one line.

    Attributes
    ----------
    item_id
        What it comes from, unique within its line: booked once, however often it is reported.
    trade_date
        The day whose statement it belongs to.
    amount, currency
        In the currency in which it arose; below 0 it was taken from us.
    amount_account
        Account currency; None where the conversion rate is not known.
    """

    line: Line
    item_id: str
    symbol: str
    trade_date: date
    ts_event_ns: int
    amount: Decimal
    currency: str
    amount_account: Decimal | None


def realised_items(change: Change, quote: str, booked_ns: int) -> list[Item]:
    """Return the items of a booking, a bust or a correction.

    What is taken back is booked with the opposite sign on the day on which it was taken back: a
    statement that was given out is never restated.

    Parameters
    ----------
    quote
        Quote currency of the symbol.
    booked_ns
        When the change became known: the fill's own time, or that of its bust or correction.
    """
    back = [_part_item(part, -1, quote, booked_ns) for part in change.taken_back]
    return back + [_part_item(part, 1, quote, booked_ns) for part in change.realised]


def _part_item(part: ClosedPart, sign: int, quote: str, booked_ns: int) -> Item:
    mark = "" if sign > 0 else "!"
    amount = part.pnl_account
    return Item(
        "realised",
        f"{mark}{part.execution_id}/{part.trade_id}/{booked_ns}",
        part.symbol,
        trade_date(booked_ns),
        booked_ns,
        sign * part.pnl_quote,
        quote,
        None if amount is None else sign * amount,
    )


def financing_item(financing: Financing, quote: str) -> Item:
    """Return the item of a swap that we computed; it belongs to the day that the roll ended."""
    return Item(
        "swap",
        financing.charge_id,
        financing.symbol,
        financing.trade_date,
        financing.ts_event_ns,
        financing.amount_quote,
        quote,
        financing.amount_account,
    )


def commission_item(execution: Execution, account_currency: str, quotes: Quotes) -> Item | None:
    """Return what a fill cost in commission; None where it was free."""
    if not execution.commission:
        return None
    currency = execution.commission_currency or account_currency
    cost = -execution.commission
    return Item(
        "commission",
        execution.execution_id,
        execution.symbol,
        trade_date(execution.ts_event_ns),
        execution.ts_event_ns,
        cost,
        currency,
        to_account(cost, profit_rate(cost, currency, account_currency, quotes)),
    )


def charge_item(charge: AccountCharge, account_currency: str, quotes: Quotes) -> Item:
    """Return what a venue booked beside any fill.

    Financing is booked at the roll or soon after, so it belongs to the day that just ended.
    """
    ts_ns = charge.ts_event_ns
    day_ns = trade_day_start_ns(ts_ns) - 1 if charge.kind == "financing" else ts_ns
    rate = profit_rate(charge.amount, charge.currency, account_currency, quotes)
    return Item(
        _LINE_OF_CHARGE[charge.kind],
        charge.charge_id,
        charge.symbol,
        trade_date(day_ns),
        ts_ns,
        charge.amount,
        charge.currency,
        to_account(charge.amount, rate),
    )
