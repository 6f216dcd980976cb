"""Orders in doubt: when the venue is asked, and when its "not found" is believed."""

import pytest

from domain.errors import BadUse
from domain.order_events import EventKind
from trading.orders.doubt import Doubt, DoubtConfig, Doubts

S = 1_000_000_000
CONFIG = DoubtConfig(
    first_wait_ns=1 * S,
    backoff=2,
    max_wait_ns=5 * S,
    not_found_times=3,
    not_found_span_ns=4 * S,
    protect_ns=5 * S,
)


def test_questions_grow_rarer_up_to_a_limit() -> None:
    """Each wait is twice the one before, then the longest one."""
    doubts = Doubts(CONFIG)
    doubts.follow({"a"}, 0)
    asked = [second for second in range(40) if doubts.ask(second * S)]
    assert asked == [1, 3, 7, 12, 17, 22, 27, 32, 37]


def test_a_wait_never_overflows() -> None:
    """An order that nobody answers about for weeks is still asked for at the longest wait."""
    doubt = Doubt("a", 0, last_asked_ns=0, asked=100_000)
    assert doubt.ask_at_ns(CONFIG) == 5 * S


@pytest.mark.parametrize(
    ("denials", "read_s", "heard_s", "believed"),
    [
        ((2, 4, 9), 9, 0, True),
        ((2, 9), 9, 0, False),
        ((7, 8, 9), 9, 0, False),
        ((2, 4, 9), 0, 0, False),
        ((2, 4, 9), 9, 6, False),
        ((1, 2, 5), 5, 0, True),
    ],
    ids=["proven", "too few", "too quick", "not read past", "heard of", "at the limit"],
)
def test_not_found_is_believed_only_with_all_the_proof(
    denials: tuple[int, ...], read_s: int, heard_s: int, believed: bool
) -> None:
    """Often enough, over long enough, read past the sending, and nothing heard meanwhile."""
    doubts = Doubts(CONFIG)
    doubts.follow({"a"}, 0)
    doubts.was_read(read_s * S)
    events = [doubts.denied("a", second * S, heard_s * S) for second in denials]
    assert [event is not None for event in events[:-1]] == [False] * (len(denials) - 1)
    last = events[-1]
    assert (last is not None) == believed
    if last is not None:
        assert (last.kind, last.client_order_id, last.reason) == (
            EventKind.NOT_FOUND,
            "a",
            "not_found",
        )


def test_a_settled_doubt_is_forgotten_and_a_new_one_starts_anew() -> None:
    """Denials of an earlier doubt prove nothing about a later one."""
    doubts = Doubts(CONFIG)
    doubts.follow({"a"}, 0)
    doubts.was_read(100 * S)
    for second in (1, 2):
        assert doubts.denied("a", second * S, 0) is None
    doubts.follow(set(), 3 * S)
    assert len(doubts) == 0
    assert doubts.next_ns() is None
    doubts.follow({"a"}, 4 * S)
    assert doubts.next_ns() == 5 * S
    assert doubts.denied("a", 50 * S, 0) is None


def test_a_denial_of_what_is_not_in_doubt_means_nothing() -> None:
    """An answer that comes after the doubt is settled concludes nothing."""
    assert Doubts(CONFIG).denied("a", 99 * S, 0) is None


@pytest.mark.parametrize("field", ["first_wait_ns", "max_wait_ns", "backoff", "not_found_times"])
def test_a_policy_that_cannot_work_is_refused(field: str) -> None:
    """A wait below 0, or no proof at all, is a mistake in the settings."""
    with pytest.raises(BadUse, match="doubts"):
        DoubtConfig(**{field: -1})
