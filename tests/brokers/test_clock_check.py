"""Clocks that part are told once, and only where it is proven."""

import pytest

from brokers.clock_check import TOLERANCE_NS, ClockCheck
from domain.nanos import MS_NS

NOW = 1_700_000_000_000 * MS_NS


@pytest.fixture
def said() -> list[str]:
    """Return what a person is told."""
    return []


@pytest.fixture
def check(said: list[str]) -> ClockCheck:
    """Return a check of a venue."""
    return ClockCheck("OANDA", said.append)


@pytest.mark.parametrize(
    ("theirs_ms", "words"),
    [
        (-51, "at least 51 ms ahead of that of OANDA"),
        (-50, ""),
        (0, ""),
        (400, ""),
        (450, ""),
        (451, "at least 51 ms behind that of OANDA"),
    ],
)
def test_a_stamp_outside_of_the_act_proves_it(
    check: ClockCheck, said: list[str], theirs_ms: int, words: str
) -> None:
    """However long the answer took: 400 ms here."""
    check.answered(NOW, NOW + theirs_ms * MS_NS, NOW + 400 * MS_NS)
    assert len(said) == bool(words)
    assert words in "".join(said)


def test_a_stamp_that_came_unasked_proves_that_we_are_behind_only(
    check: ClockCheck, said: list[str]
) -> None:
    """An old one may have been long on its way."""
    check.heard(NOW - 10_000 * MS_NS, NOW)
    check.heard(NOW + TOLERANCE_NS, NOW)
    assert said == []
    check.heard(NOW + TOLERANCE_NS + 1, NOW)
    assert len(said) == 1
    assert "behind" in said[0]


def test_it_is_told_once_until_the_clocks_agree_again(check: ClockCheck, said: list[str]) -> None:
    """A stamp outside of the act, if only by little, is no agreement."""
    for _ in range(3):
        check.answered(NOW, NOW - 80 * MS_NS, NOW + MS_NS)
        check.answered(NOW, NOW - 30 * MS_NS, NOW + MS_NS)
    assert len(said) == 1
    check.answered(NOW, NOW, NOW + MS_NS)
    check.answered(NOW, NOW, NOW + MS_NS)
    assert said[1:] == ["our clock agrees with that of OANDA again"]
    check.answered(NOW, NOW - 80 * MS_NS, NOW + MS_NS)
    assert len(said) == 3
