"""The daily reset of IB's servers and gateways, when orders may be lost on the way."""

from datetime import time

from domain.fx_calendar import NEW_YORK
from domain.nanos import from_ns


def in_reset(ts_ns: int, begins: time, ends: time) -> bool:
    """Say whether a moment is within ``[begins, ends)``, New York time; it may span midnight."""
    local = from_ns(ts_ns).astimezone(NEW_YORK).time()
    if begins <= ends:
        return begins <= local < ends
    return local >= begins or local < ends
