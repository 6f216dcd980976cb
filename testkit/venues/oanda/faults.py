"""Switches to misbehave: most are good for the next request or line, and go out by themselves."""

from dataclasses import dataclass


@dataclass
class Faults:
    """What goes wrong next. Counts are of requests or lines still to be spoiled.

    Attributes
    ----------
    delay_s
        Seconds by which the reply to the next write is late.
    drop_replies
        Writes that are applied and whose connection is then cut without an answer.
    server_errors
        Writes that are answered with ``server_status`` and not applied.
    rate_limits
        Requests of any kind that are answered with 429 and not applied.
    hide_new_orders_s
        Seconds for which a GET of an order that was just made answers 404.
    duplicate_lines, reorder_lines
        Transactions that are streamed twice, and pairs that are streamed the wrong way round.
    mute_streams
        While set, no stream carries anything, heartbeats included.
    reject_next
        Reject reason for the next order; empty for none.
    cancel_next
        Cancel reason for the next market order; empty for none.
    partial_next
        Whether the next immediate order finds half of the size it wants.
    garble_replies
        Writes that are applied and answered with a body that is no JSON.
    """

    delay_s: float = 0.0
    drop_replies: int = 0
    server_errors: int = 0
    server_status: int = 503
    rate_limits: int = 0
    hide_new_orders_s: float = 0.0
    duplicate_lines: int = 0
    reorder_lines: int = 0
    mute_streams: bool = False
    reject_next: str = ""
    cancel_next: str = ""
    partial_next: bool = False
    garble_replies: int = 0

    def take(self, name: str) -> bool:
        """Use up one of a count; say whether there was one."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0

    def take_reason(self, name: str) -> str:
        """Use up a reason."""
        reason: str = getattr(self, name)
        setattr(self, name, "")
        return reason

    def take_partial(self) -> bool:
        """Use up the partial fill."""
        wanted, self.partial_next = self.partial_next, False
        return wanted

    def take_delay_s(self) -> float:
        """Use up the delay."""
        delay_s, self.delay_s = self.delay_s, 0.0
        return delay_s
