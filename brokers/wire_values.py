"""What may stand in a venue's message as a number, a time or a name, whatever its protocol.

Beyond these bounds nothing downstream holds: sums of Decimals lose digits or overflow, journals
keep 64-bit integers, and a database or a terminal takes no control characters.
"""

import re
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST_NUMBER = 40
"""Characters; more are no price, size or amount of any venue."""

_LARGEST_POWER, _SMALLEST_POWER = 17, -20
"""Powers of ten of the first digit: sizes and amounts of money are far below, pips far above."""

_LONGEST_NAME = 256

_INT64_END = 2**63
_LONGEST_COUNT = 19
"""Digits of the largest 64-bit integer."""


def number_of(text: str) -> Decimal | None:
    """Return the number that a text is; None for one that is none, not finite, or out of bounds.

    Underscores, foreign digits and spaces, which `Decimal` would take, are no part of a number.
    """
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    if number and not _SMALLEST_POWER <= number.adjusted() <= _LARGEST_POWER:
        return None
    return number


def is_time(ts_ns: int) -> bool:
    """Say whether nanoseconds are of the epoch or later and fit into 64 bits (year 2262)."""
    return 0 <= ts_ns < _INT64_END


def is_name(text: str) -> bool:
    """Say whether a text can be an id, a code or a symbol: printable ASCII of some length."""
    return len(text) <= _LONGEST_NAME and text.isascii() and text.isprintable()


def count_of(text: str) -> int | None:
    """Return the number of an event or a message; None for what is none, or beyond 64 bits."""
    if not text.isascii() or not text.isdecimal() or len(text) > _LONGEST_COUNT:
        return None
    count = int(text)
    return count if count < _INT64_END else None
