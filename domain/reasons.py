"""Why a venue, or an adapter before it, refused or ended an order: one vocabulary for all brokers.

Adapters map their broker's codes onto these, totally; what the broker wrote stays in its log line.
Our own gate's codes are `trading.risk.codes`.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Codes that ``reason`` of an order or an event carries."""

    INSUFFICIENT_MARGIN = "insufficient_margin"
    MARGIN_CALL = "margin_call"
    MARKET_CLOSED = "market_closed"
    NO_LIQUIDITY = "no_liquidity"
    """Nothing to trade against: an IOC or FOK that found no or too little size."""
    LAST_LOOK = "last_look"
    """The provider saw the order and declined it: the price had moved, or the hold ran out."""
    PRICE_BOUND = "price_bound"
    UNKNOWN_SYMBOL = "unknown_symbol"
    BAD_QUANTITY = "bad_quantity"
    BAD_PRICE = "bad_price"
    BAD_TERMS = "bad_terms"
    WRONG_SIDE = "wrong_side"
    """A stop or target on the wrong side of the market."""
    DUPLICATE_ID = "duplicate_client_order_id"
    FIFO_VIOLATION = "fifo_violation"
    REDUCE_ONLY = "reduce_only"
    TOO_MANY_ORDERS = "too_many_orders"
    RATE_LIMITED = "rate_limited"
    ACCOUNT_BLOCKED = "account_blocked"
    NOT_AUTHORISED = "not_authorised"
    UNSUPPORTED = "unsupported"
    NOT_FOUND = "not_found"
    TOO_LATE = "too_late"
    """Of a cancel or replace: the order is already done."""
    REQUESTED = "requested"
    """Canceled because we asked."""
    LINKED = "linked"
    """Canceled by the other order of an OCO, or with the position it protected."""
    DISCONNECTED = "disconnected"
    REPLACED = "replaced"
    ADMINISTRATIVE = "administrative"
    OTHER = "other"
