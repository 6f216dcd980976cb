"""Ids are pure functions of their cause, so that a replay makes the same ids and nothing doubles.

``hash()`` is never used: it differs from process to process.
"""

from hashlib import blake2b
from struct import Struct

ID_BYTES = 16
"""Length of every id in bytes: 128 bits, so that a collision needs about 2**64 ids."""

_length = Struct("<I").pack


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


def execution_id(client_order: str, sequence: int) -> str:
    """Id of the n-th fill of an order at the paper broker; real brokers give their own."""
    return "px" + digest("execution", client_order, sequence)
