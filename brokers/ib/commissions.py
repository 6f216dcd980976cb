"""Commissions, which TWS reports apart from the fills that they are for."""

from typing import NamedTuple

import ib_async

from brokers.ib.rows import ExecutionRow, revision
from brokers.ib.wire_numbers import exact, optional
from brokers.wire_values import is_name
from domain.errors import Drop
from domain.nanos import SECOND_NS
from trading.venues import AccountCharge


class _Fill(NamedTuple):
    symbol: str
    at_ns: int


class Commissions:
    """Books each commission once, whichever of fill and report comes first.

    A fill is passed on at once, without its commission: the position is real before the broker has
    counted what it cost. So every commission is a charge of its own, under an id made of the
    execution's, and a corrected execution books the difference.
    """

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._fills: dict[str, _Fill] = {}
        self._early: dict[str, ib_async.CommissionReport] = {}
        self._booked: dict[str, dict[str, AccountCharge]] = {}

    def execution(self, row: ExecutionRow) -> list[AccountCharge]:
        """Take a fill; return the charge that waited for it."""
        self._fills[row.execution_id] = _Fill(row.symbol, row.at_ns)
        early = self._early.pop(row.execution_id, None)
        return [] if early is None else self.report(early)

    def report(self, report: ib_async.CommissionReport) -> list[AccountCharge]:
        """Take a commission; nothing follows until its fill is known, or if it is known already.

        Raises
        ------
        Drop
            If it cannot be read.
        """
        amount = optional(report.commission)
        if not is_name(report.currency):
            msg = f"TWS names the currency {report.currency[:40]!r} of a commission"
            raise Drop(msg)
        fill = self._fills.get(report.execId)
        if fill is None:
            self._early[report.execId] = report
            return []
        booked = self._booked.setdefault(revision(report.execId)[0], {})
        if amount is None or report.execId in booked:
            return []
        before = sum((each.amount for each in booked.values()), exact(0))
        charge = AccountCharge(
            charge_id=f"commission:{report.execId}",
            kind="commission",
            symbol=fill.symbol,
            amount=-amount - before,
            currency=report.currency,
            ts_event_ns=fill.at_ns,
            venue=self._venue,
        )
        booked[report.execId] = charge
        return [charge]

    def forget(self, before_ns: int) -> None:
        """Drop fills from before a time: TWS does not report them any more."""
        old = [key for key, fill in self._fills.items() if fill.at_ns < before_ns - SECOND_NS]
        for key in old:
            del self._fills[key]
            self._booked.pop(revision(key)[0], None)
