"""The maps of all brokers: whatever a broker says, one of four reactions answers it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix.rejections import BUSINESS_REJECTIONS, CANCEL_REJECTIONS, ORDER_REJECTIONS
from brokers.ib.errors import CODES
from brokers.oanda.errors import REASONS, STATUSES
from brokers.reactions import Answer, Reaction, Reactions
from domain.reasons import Reason

MAPS: dict[str, Reactions] = {
    "OANDA reasons": REASONS,
    "OANDA statuses": STATUSES,
    "IB codes": CODES,
    "FIX orders": ORDER_REJECTIONS,
    "FIX cancels": CANCEL_REJECTIONS,
    "FIX messages": BUSINESS_REJECTIONS,
}
LISTED = [(name, code) for name, table in MAPS.items() for code in table]

MEANINGS: dict[Reaction, frozenset[Reason]] = {
    Reaction.HALT: frozenset({Reason.NOT_AUTHORISED, Reason.ACCOUNT_BLOCKED}),
    Reaction.RETRY: frozenset(
        {
            Reason.DISCONNECTED,
            Reason.RATE_LIMITED,
            Reason.MARKET_CLOSED,
            Reason.NO_LIQUIDITY,
            Reason.OTHER,
        }
    ),
}
"""What a reaction may be about: a person must act for no less, and only this passes by itself."""


@given(code=st.text())
@pytest.mark.parametrize("name", MAPS)
def test_every_code_there_can_be_has_an_answer(name: str, code: str) -> None:
    """One that no document names refuses the one request, or may work later: it halts nothing."""
    told = MAPS[name][code]
    assert isinstance(told, Answer)
    if code not in MAPS[name]:
        assert told.reaction in (Reaction.REJECT, Reaction.RETRY)


@pytest.mark.parametrize(("name", "code"), LISTED)
def test_a_listed_code_has_a_reaction_that_its_reason_bears(name: str, code: str) -> None:
    """Halt only where credentials or the account are meant; retry only what may pass by itself."""
    told = MAPS[name][code]
    assert isinstance(told.reaction, Reaction)
    assert isinstance(told.reason, Reason)
    assert told.reason in MEANINGS.get(told.reaction, frozenset(Reason))


def test_every_map_is_of_some_size() -> None:
    """The documents name so many; a map that lost its rows would still be total."""
    sizes = {name: sum(1 for one, _ in LISTED if one == name) for name in MAPS}
    assert min(sizes.values()) >= 8
    assert sizes["OANDA reasons"] > 200
    assert sizes["IB codes"] > 300


def test_all_four_reactions_are_in_use() -> None:
    """Each broker knows something that a person must mend."""
    assert {MAPS[name][code].reaction for name, code in LISTED} == set(Reaction)
    for broker in ("OANDA", "IB", "FIX"):
        assert any(
            MAPS[name][code].reaction is Reaction.HALT
            for name, code in LISTED
            if name.startswith(broker)
        )
