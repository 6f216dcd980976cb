"""Why an order ended, and which command an error answers: TWS tells neither."""

from brokers.ib.errors import CANCEL_CODES, REPLACE_ONLY_CODES, Notice
from brokers.ib.terms import AT_ONCE
from brokers.ib.tracked import Tracked, Waiting
from brokers.reactions import Reaction
from domain.order_events import EventKind
from domain.reasons import Reason


def closing(one: Tracked, now_ns: int) -> tuple[EventKind, Reason, int]:
    """Return kind, reason and answered request of a ``Cancelled``.

    TWS has one word for a cancel that we asked for, an expiry, an IOC's rest and its own decision;
    the order itself tells them apart.
    """
    if one.cancel_asked:
        return EventKind.CANCELED, Reason.REQUESTED, one.cancel_asked
    ends_ns = one.ends_ns()
    if ends_ns is not None and now_ns >= ends_ns:
        return EventKind.EXPIRED, Reason.OTHER, -1
    submitted = one.first_waiting("submit")
    request = -1 if submitted is None else submitted.request
    if one.refusal not in {None, Reason.ADMINISTRATIVE} and one.refusal is not None:
        return EventKind.CANCELED, one.refusal, request
    if one.terms is not None and one.terms.time_in_force in AT_ONCE:
        return EventKind.CANCELED, Reason.NO_LIQUIDITY, request
    return EventKind.CANCELED, one.refusal or Reason.OTHER, request


def refused(one: Tracked, notice: Notice, reaction: Reaction) -> Waiting | None:
    """Return the command that an error about this order answers; None where it answers none.

    A cancel is answered by codes of its own. Else a replace before the submit: while one is open
    TWS has taken the order.
    """
    if notice.code in CANCEL_CODES:
        found = one.first_waiting("cancel")
        if found is not None:
            return found
    if notice.code in REPLACE_ONLY_CODES:
        return one.first_waiting("replace")
    if reaction is Reaction.DROP or notice.code in CANCEL_CODES - {135}:
        return None
    return one.first_waiting("replace") or one.first_waiting("submit")
