"""A venue's own order of events: by its sequence where it has one, by its clock otherwise."""

import msgspec

from domain.order_events import OrderEvent


class Moment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """When something happened, as the venue counts.

    Attributes
    ----------
    ts_ns
        The venue's time, nanoseconds UTC.
    sequence
        Place in the venue's order of events; None where it has none.
    """

    ts_ns: int
    sequence: int | None = None


def moment_of(event: OrderEvent) -> Moment:
    """Return when the event happened at the venue."""
    return Moment(event.ts_event_ns, event.sequence)


def precedes(one: Moment, other: Moment | None) -> bool:
    """Say whether ``one`` is strictly older; nothing is older than what is not known."""
    if other is None:
        return False
    if one.sequence is not None and other.sequence is not None:
        return one.sequence < other.sequence
    return one.ts_ns < other.ts_ns


def later(one: Moment, other: Moment | None) -> Moment:
    """Return the later of two; ``one`` where they are the same."""
    return one if other is None or not precedes(one, other) else other
