"""The map of TWS's codes is total, and says of each what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.ib import errors
from brokers.ib.errors import CODES, Notice, answer
from brokers.reactions import Answer, Reaction
from domain.reasons import Reason


@given(st.integers(min_value=-1, max_value=20_000), st.text())
def test_every_code_has_an_answer(code: int, text: str) -> None:
    """Listed or not, with whatever words."""
    told = answer(Notice(-1, code, text))
    assert isinstance(told.reaction, Reaction)
    assert isinstance(told.reason, Reason)


def test_no_code_is_listed_twice() -> None:
    """Two answers to one code would be one that nobody gets."""
    listed = [code for codes in errors._TABLE.values() for code in codes.split()]
    assert len(listed) == len(set(listed)) == len(CODES)


@pytest.mark.parametrize(
    ("code", "text", "reaction", "reason"),
    [
        (201, "Order rejected - reason:insufficient funds", Reaction.REJECT, "insufficient_margin"),
        (201, "Order rejected - reason:the exchange is closed", Reaction.REJECT, "market_closed"),
        (201, "Order rejected - reason:", Reaction.REJECT, "bad_terms"),
        (202, "Order Canceled - reason:", Reaction.REJECT, "administrative"),
        (110, "", Reaction.REJECT, "bad_price"),
        (434, "", Reaction.REJECT, "bad_quantity"),
        (103, "", Reaction.REJECT, "duplicate_client_order_id"),
        (161, "", Reaction.REJECT, "too_late"),
        (10148, "", Reaction.REJECT, "too_late"),
        (135, "", Reaction.REJECT, "not_found"),
        (10147, "", Reaction.REJECT, "not_found"),
        (200, "", Reaction.REJECT, "unknown_symbol"),
        (100, "", Reaction.RETRY, "rate_limited"),
        (1100, "", Reaction.RETRY, "disconnected"),
        (1102, "", Reaction.DROP, "other"),
        (2104, "", Reaction.DROP, "other"),
        (399, "", Reaction.DROP, "other"),
        (321, "The API interface is currently in Read-Only mode.", Reaction.HALT, "not_authorised"),
        (321, "some field is bad", Reaction.REJECT, "bad_terms"),
        (326, "", Reaction.HALT, "not_authorised"),
        (2199, "a warning of tomorrow", Reaction.DROP, "other"),
        (19_999, "an error of tomorrow", Reaction.REJECT, "other"),
    ],
)
def test_a_code_calls_for(code: int, text: str, reaction: Reaction, reason: str) -> None:
    """The ones that matter to an order, each by its public meaning."""
    assert answer(Notice(1, code, text)) == Answer(reaction, Reason(reason))
