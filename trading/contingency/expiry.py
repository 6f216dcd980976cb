"""When an order that is good for the day expires."""

from domain.fx_calendar import floor_day, roll_ns, sessions, trade_date
from domain.nanos import DAY_NS


def gfd_expiry_ns(now_ns: int) -> int:
    """Return the 17:00 New York at which an order of now, good for the day, expires.

    In a closed market that is the end of the first day on which it can trade: an order of Saturday
    that expired on Saturday would never have lived.
    """
    opens, closes = sessions(floor_day(now_ns), floor_day(now_ns + DAY_NS))
    row = int(closes.searchsorted(now_ns, side="right"))
    return roll_ns(trade_date(max(now_ns, int(opens[row]))))
