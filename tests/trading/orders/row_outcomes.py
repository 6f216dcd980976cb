"""What each row of the table leaves behind, in full: the order, and what is asked of others."""

from typing import NamedTuple


class Left(NamedTuple):
    """An order after the last event of a case of `row_cases`, and the effects of that event.

    ``prev`` is empty where nothing is under way; ``waits`` are the numbers of unanswered requests,
    with a question mark where the answer is in doubt; ``left`` is what may still fill.
    """

    prev: str
    filled: int
    left: int
    waits: str
    reason: str
    effects: str


OUTCOMES: dict[str, Left] = {
    "A21": Left("", 0, 100, "", "", "query"),
    "T01": Left("", 0, 0, "", "spread", "denied"),
    "T02": Left("", 0, 100, "0", "", "pending_new"),
    "T03": Left("", 0, 100, "", "", "accepted"),
    "T04": Left("", 0, 100, "", "", "accepted"),
    "T05": Left("", 0, 100, "0", "", ""),
    "T06": Left("", 0, 0, "", "bad_price", "rejected"),
    "T07": Left("", 40, 60, "", "", "accepted, buy 40 at 1.10, partially_filled"),
    "T08": Left("", 0, 0, "", "requested", "canceled"),
    "T09": Left("", 0, 0, "", "", "expired"),
    "T10a": Left("pending_new", 0, 100, "0 1", "", "pending_cancel"),
    "T10b": Left("pending_new", 0, 100, "0 1", "", "pending_replace"),
    "T11": Left("", 0, 100, "0?", "", "pending_new, query"),
    "T12": Left("", 0, 100, "", "", "accepted"),
    "T13": Left("", 0, 0, "", "not_found", "rejected, alert not_found"),
    "T14": Left("", 0, 100, "", "", "triggered"),
    "T15": Left("", 40, 60, "", "", "buy 40 at 1.10, partially_filled"),
    "T16": Left("", 0, 0, "", "bad_price", "rejected"),
    "T17": Left("", 0, 0, "", "requested", "canceled"),
    "T18": Left("", 40, 0, "", "", "expired"),
    "T19": Left("partially_filled", 40, 60, "1", "", "pending_cancel"),
    "T20": Left("partially_filled", 40, 60, "1", "", "pending_replace"),
    "T21": Left("", 40, 40, "", "", "partially_filled"),
    "T22": Left("", 0, 100, "", "", "suspended"),
    "T23a": Left("", 40, 60, "", "", "partially_filled"),
    "T23b": Left("", 40, 60, "", "", "buy 40 at 1.10, partially_filled"),
    "T24": Left("", 100, 0, "", "", "buy 60 at 1.10, filled"),
    "T25": Left("", 40, 60, "", "", ""),
    "T26a": Left("accepted", 0, 100, "1", "", ""),
    "T26b": Left("accepted", 0, 100, "1 2", "", ""),
    "T27": Left("", 0, 0, "", "requested", "canceled"),
    "T28": Left("partially_filled", 40, 60, "1", "", "buy 40 at 1.10, pending_cancel"),
    "T29": Left("", 0, 100, "", "", "accepted, query"),
    "T30": Left("accepted", 0, 100, "1?", "", "pending_cancel, query"),
    "T31a": Left("", 0, 0, "", "", "expired"),
    "T31b": Left("", 0, 0, "", "bad_price", "rejected"),
    "T32": Left("accepted", 0, 100, "1?", "", "pending_cancel, query"),
    "T33": Left("", 0, 150, "", "", "accepted"),
    "T34": Left("partially_filled", 40, 60, "1", "", "buy 40 at 1.10, pending_replace"),
    "T35": Left("", 0, 100, "", "", "accepted"),
    "T36": Left("accepted", 0, 100, "1 2", "", "pending_cancel"),
    "T37a": Left("", 0, 0, "", "requested", "canceled"),
    "T37b": Left("", 0, 0, "", "", "expired"),
    "T38": Left("accepted", 0, 100, "1", "", ""),
    "T39": Left("accepted", 0, 100, "1?", "", "pending_replace, query"),
    "T40": Left("", 40, 0, "", "requested", "buy 40 at 1.10, canceled, alert late_fill"),
    "T41a": Left("", 0, 0, "", "requested", ""),
    "T41b": Left("", 0, 0, "", "requested", ""),
    "T41c": Left("", 40, 0, "", "bad_price", ""),
    "T42": Left("", 60, 40, "", "", "sell 40 at 1.10, partially_filled, alert bust"),
    "T43": Left(
        "", 30, 70, "", "", "sell 40 at 1.10, buy 30 at 1.2, partially_filled, alert correction"
    ),
    "T44a": Left("", 0, 0, "", "bad_price", ""),
    "T44b": Left("", 0, 0, "", "bad_price", ""),
    "T45": Left("", 0, 100, "", "", "suspended"),
    "A01": Left("accepted", 0, 100, "1", "", ""),
    "A02": Left("pending_new", 0, 100, "0 1", "", ""),
    "A03": Left("triggered", 0, 100, "1", "", ""),
    "A04": Left("suspended", 0, 100, "1", "", ""),
    "A05": Left("accepted", 0, 150, "2", "", "pending_cancel"),
    "A06": Left("accepted", 0, 100, "2", "", ""),
    "A07": Left("accepted", 0, 100, "1", "", "sell 40 at 1.10, pending_cancel, alert bust"),
    "A08": Left(
        "partially_filled",
        30,
        70,
        "1",
        "",
        "sell 40 at 1.10, buy 30 at 1.2, pending_replace, alert correction",
    ),
    "A09": Left("suspended", 0, 100, "1", "", "pending_cancel"),
    "A10": Left("", 0, 0, "", "bad_price", "rejected"),
    "A11": Left("", 40, 0, "", "bad_price", "canceled"),
    "A12": Left("", 0, 100, "all?", "", "accepted, query"),
    "A13": Left("", 0, 0, "", "not_found", "rejected, alert not_found"),
    "A14": Left("", 0, 0, "", "not_found", "canceled, alert not_found"),
    "A15": Left("", 110, 0, "", "", "buy 10 at 1.10, filled, alert late_fill, alert overfill"),
    "A16a": Left("", 100, 0, "", "", "filled"),
    "A16b": Left("", 100, 50, "", "", "partially_filled"),
    "A16c": Left("", 0, 0, "", "requested", "canceled"),
    "A17a": Left("accepted", 0, 90, "1", "", "pending_replace"),
    "A17b": Left("", 0, 90, "", "", "suspended"),
    "A18": Left("", 0, 100, "", "", "sell 40 at 1.10, suspended, alert bust"),
    "A19": Left("", 30, 70, "", "", "sell 40 at 1.10, buy 30 at 1.2, suspended, alert correction"),
    "A20": Left("", 0, 100, "", "", "suspended"),
}
"""By row."""
