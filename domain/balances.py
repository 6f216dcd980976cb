"""What an account held in money when book and venue first agreed."""

from decimal import Decimal

import msgspec


class OpeningBalance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The venue's balance at the first record on which book and venue agreed.

    Statements count from it, forwards and backwards: what the journal has booked before it is in it
    already.

    Attributes
    ----------
    venue
        Short name of who says so.
    currency
        ISO 4217 code in which the account is kept.
    amount
        Balance in it: all that was realised and charged, without open profit.
    ts_event_ns
        When the record was made, nanoseconds UTC.
    sequence
        Newest event of the venue in the record; None where it has no order of events.
    """

    account: str
    venue: str
    currency: str
    amount: Decimal
    ts_event_ns: int
    sequence: int | None = None
    v: int = 1
