"""Items of a statement: every amount that moved the balance, with its line, cause and day."""

from datetime import date
from decimal import Decimal
from typing import Literal, get_args

import msgspec

from domain.fx_calendar import trade_date, trade_day_start_ns
from trading.conversion import Quotes, profit_rate, to_account
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
