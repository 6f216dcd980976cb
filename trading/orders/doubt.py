"""When to ask the venue about an order in doubt, and when its "not found" may be believed.

A request of unknown outcome is never sent again; the venue is asked. A first "not found" proves
little: the order may be on its way, or too new for the venue's own index. It is believed only when
it was said several times over some time, and when the venue's record of events has been read past
the sending.
"""

from typing import Self

import msgspec

from domain.errors import BadUse
from domain.nanos import SECOND_NS
from domain.order_events import EventKind, OrderEvent
from domain.reasons import Reason


class DoubtConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When to ask, and when to believe.

    Attributes
    ----------
    first_wait_ns
        From the doubt to the first question (>= 0): a venue may need half a second to find an order
        that it has just taken.
    backoff, max_wait_ns
        Each wait is ``backoff`` times the one before (>= 1), up to the longest one.
    not_found_times, not_found_span_ns
        How often (>= 1) and over which time at least "not found" must have been said.
    protect_ns
        An order about which something was heard or sent within this time is not given up yet.
    """

    first_wait_ns: int = SECOND_NS // 2
    backoff: int = 2
    max_wait_ns: int = 15 * SECOND_NS
    not_found_times: int = 3
    not_found_span_ns: int = 5 * SECOND_NS
    protect_ns: int = 5 * SECOND_NS

    def __post_init__(self) -> None:
        waits = (self.first_wait_ns, self.not_found_span_ns, self.protect_ns)
        if min(waits) < 0 or self.max_wait_ns < 1 or self.backoff < 1 or self.not_found_times < 1:
            msg = (
                "doubts: waits must not be below 0, the longest wait, the backoff and the number "
                "of answers must be 1 or more"
            )
            raise BadUse(msg)


class Doubt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What is known of one order in doubt.

    Attributes
    ----------
    since_ns
        When the doubt arose.
    last_asked_ns
        When the last question was put; None before the first one.
    asked
        Questions so far.
    denied, first_denied_ns
        "Not found" answers in a row, and when the first of them came.
    read_to_ns
        Up to when the venue's record of events has been read without finding it.
    """

    client_order_id: str
    since_ns: int
    last_asked_ns: int | None = None
    asked: int = 0
    denied: int = 0
    first_denied_ns: int = 0
    read_to_ns: int = 0

    def ask_at_ns(self, config: DoubtConfig) -> int:
        """Return when the next question is due."""
        if self.last_asked_ns is None:
            return self.since_ns + config.first_wait_ns
        # Beyond 62 doublings any wait is the longest one; the power itself would grow for ever.
        grown: int = config.first_wait_ns * config.backoff ** min(self.asked, 62)
        return self.last_asked_ns + min(config.max_wait_ns, grown)

    def after_question(self, now_ns: int) -> Self:
        """Return the doubt once a question is put."""
        return msgspec.structs.replace(self, last_asked_ns=now_ns, asked=self.asked + 1)

    def after_denial(self, now_ns: int) -> Self:
        """Return the doubt once the venue has said that it knows no such order."""
        first = self.first_denied_ns if self.denied else now_ns
        return msgspec.structs.replace(self, denied=self.denied + 1, first_denied_ns=first)

    def after_reading(self, to_ns: int) -> Self:
        """Return the doubt once the venue's events up to ``to_ns`` are read and applied."""
        return msgspec.structs.replace(self, read_to_ns=max(self.read_to_ns, to_ns))

    def given_up(self, now_ns: int, last_heard_ns: int, config: DoubtConfig) -> bool:
        """Say whether "not found" may be believed.

        Parameters
        ----------
        now_ns
            The present.
        last_heard_ns
            When something about this order was last sent or heard.
        config
            How much proof is wanted.
        """
        return (
            self.denied >= config.not_found_times
            and now_ns - self.first_denied_ns >= config.not_found_span_ns
            and now_ns - max(self.since_ns, last_heard_ns) >= config.protect_ns
            and self.read_to_ns > self.since_ns
        )


class Doubts:
    """All doubts of one account; rebuilt from the book after a restart, so it is not kept.

    Parameters
    ----------
    config
        When to ask, and when to believe.
    """

    def __init__(self, config: DoubtConfig | None = None) -> None:
        self._config = config or DoubtConfig()
        self._doubts: dict[str, Doubt] = {}

    def __len__(self) -> int:
        return len(self._doubts)

    def follow(self, in_doubt: set[str], now_ns: int) -> None:
        """Take up new doubts and drop those that an event has settled."""
        for name in sorted(in_doubt - self._doubts.keys()):
            self._doubts[name] = Doubt(name, now_ns)
        for name in self._doubts.keys() - in_doubt:
            del self._doubts[name]

    def ask(self, now_ns: int) -> list[str]:
        """Return the orders to ask for now, and note that they are asked for."""
        due = [d for d in self._doubts.values() if d.ask_at_ns(self._config) <= now_ns]
        for doubt in due:
            self._doubts[doubt.client_order_id] = doubt.after_question(now_ns)
        return [doubt.client_order_id for doubt in due]

    def next_ns(self) -> int | None:
        """Return when the next question is due; None where nothing is in doubt."""
        return min((d.ask_at_ns(self._config) for d in self._doubts.values()), default=None)

    def was_read(self, to_ns: int) -> None:
        """Note that the venue's events up to ``to_ns`` are read and applied."""
        self._doubts = {name: d.after_reading(to_ns) for name, d in self._doubts.items()}

    def denied(self, client_order_id: str, now_ns: int, last_heard_ns: int) -> OrderEvent | None:
        """Note that the venue knows no such order.

        Returns
        -------
        OrderEvent or None
            NOT_FOUND, to be journaled and applied, once that may be believed.
        """
        doubt = self._doubts.get(client_order_id)
        if doubt is None:
            return None
        doubt = doubt.after_denial(now_ns)
        self._doubts[client_order_id] = doubt
        if not doubt.given_up(now_ns, last_heard_ns, self._config):
            return None
        return OrderEvent(
            kind=EventKind.NOT_FOUND,
            client_order_id=client_order_id,
            ts_event_ns=now_ns,
            ts_recv_ns=now_ns,
            reason=Reason.NOT_FOUND,
        )
