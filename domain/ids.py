"""Ids are pure functions of their cause, so that a replay makes the same ids and nothing doubles.

``hash()`` is never used: it differs from process to process.
"""

from hashlib import blake2b
from struct import Struct

ID_BYTES = 16
"""Length of every id in bytes: 128 bits, so that a collision needs about 2**64 ids."""

_length = Struct("<I").pack
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ORDER_ID_LENGTH, _TAIL = 34, 2

LAST_REQUEST = len(_DIGITS) ** _TAIL - 1
"""Highest number that a request about an order can have: kept for the cancel of a kill."""


def digest(*parts: str | int) -> str:
    """Return 32 hexadecimal digits that depend on every part and on their boundaries."""
    raws = [str(part).encode() for part in parts]
    framed = b"".join([piece for raw in raws for piece in (_length(len(raw)), raw)])
    return blake2b(framed, digest_size=ID_BYTES).hexdigest()


def signal_id(model_id: str, symbol: str, ts_event_ns: int, rule: str) -> str:
    """Id of the signal that this ensemble gives on this symbol at this event time by this rule."""
    return digest("signal", model_id, symbol, ts_event_ns, rule)


def client_order_id(strategy: str, signal: str, leg: int, attempt: int) -> str:
    """Id under which a broker knows an order, for life: 34 characters (FIX and IB allow 36)."""
    return "ax" + digest("order", strategy, signal, leg, attempt)


def wire_id(client_order: str, request: int) -> str:
    """Name of one request about an order: the id itself for the submit, then two digits more.

    FIX wants a new ClOrdID for every cancel and replace; 36 characters hold both.

    Raises
    ------
    ValueError
        If the number is below 0 or needs a third digit: an order is not amended 1,296 times.
    """
    if request == 0:
        return client_order
    if not 0 < request < len(_DIGITS) ** 2:
        msg = f"request {request} of order {client_order} has no name"
        raise ValueError(msg)
    high, low = divmod(request, len(_DIGITS))
    return client_order + _DIGITS[high] + _DIGITS[low]


def life_id(wire: str) -> tuple[str, int]:
    """Return the client order id and the number of the request behind a name on the wire.

    A name that is none of ours comes back whole, as a submit.
    """
    own = wire[:_ORDER_ID_LENGTH]
    tail = wire[_ORDER_ID_LENGTH:]
    if len(tail) != _TAIL or not own.startswith("ax") or not set(tail) <= set(_DIGITS):
        return wire, 0
    return own, _DIGITS.index(tail[0]) * len(_DIGITS) + _DIGITS.index(tail[1])


def execution_id(client_order: str, sequence: int) -> str:
    """Id of the n-th fill of an order at the paper broker; real brokers give their own."""
    return "px" + digest("execution", client_order, sequence)
