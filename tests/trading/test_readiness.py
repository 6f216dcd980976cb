"""The ladder of readiness: down at once, up on proof, one table for both."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.nanos import SECOND_NS
from trading.readiness import (
    MANY,
    STEPS,
    Cause,
    Facts,
    Ladder,
    Readiness,
    Rung,
    causes_of,
    ended,
)

WELL = Facts(reconciled=True)
NOW_NS = 1_000 * SECOND_NS

CASES: list[tuple[Facts, Cause, Rung, str]] = [
    (
        WELL._replace(silent_ns=12 * SECOND_NS),
        Cause.LOG_SILENT,
        Rung.DEGRADED,
        "market data is late: no record for 12 s",
    ),
    (
        WELL._replace(prices_down="silent for 10 s"),
        Cause.PRICES_DOWN,
        Rung.DEGRADED,
        "the venue's stream of prices is down: silent for 10 s",
    ),
    (
        WELL._replace(in_doubt=MANY - 1),
        Cause.IN_DOUBT,
        Rung.DEGRADED,
        "the outcome of a request is not known: 2 in doubt",
    ),
    (
        WELL._replace(in_doubt=MANY),
        Cause.MANY_IN_DOUBT,
        Rung.CANCEL_ONLY,
        "the outcome of many requests is not known: 3 in doubt",
    ),
    (
        WELL._replace(circuit_open="requests to orders fail"),
        Cause.CIRCUIT_OPEN,
        Rung.CANCEL_ONLY,
        "requests have failed in a row: requests to orders fail",
    ),
    (
        WELL._replace(link_down="ReadError"),
        Cause.LINK_DOWN,
        Rung.CANCEL_ONLY,
        "the order link is down: ReadError",
    ),
    (
        Facts(reconciled=False, not_reconciled_why="HTTP 500"),
        Cause.NOT_RECONCILED,
        Rung.CANCEL_ONLY,
        "book and venue do not agree: HTTP 500",
    ),
    (
        Facts(reconciled=False, unexplained="EURUSD: 0 here, 500 there"),
        Cause.UNEXPLAINED,
        Rung.HALTED,
        "a difference that nothing explains: EURUSD: 0 here, 500 there",
    ),
]


def well(now_ns: int = NOW_NS) -> Ladder:
    """Return a ladder of an account that is ready."""
    ladder = Ladder(now_ns)
    assert ladder.step(causes_of(WELL), now_ns)
    assert ladder.now == Readiness(Rung.READY, (), now_ns)
    return ladder


def test_an_account_begins_without_trust() -> None:
    """Before the first record nothing but cancels leaves."""
    now = Ladder(NOW_NS).now
    assert (now.rung, now.lets_exits, now.lets_openings) == (Rung.CANCEL_ONLY, False, False)
    assert now.why == "book and venue do not agree"


@pytest.mark.parametrize(("facts", "cause", "rung", "words"), CASES)
def test_a_fact_leads_to_its_rung_at_once(
    facts: Facts, cause: Cause, rung: Rung, words: str
) -> None:
    """And says so in words."""
    ladder = well()
    assert ladder.step(causes_of(facts), NOW_NS + 5)
    assert [one.cause for one in ladder.now.causes] == [cause]
    assert ladder.now == Readiness(rung, ladder.now.causes, NOW_NS + 5)
    assert ladder.now.why == words
    assert not ladder.step(causes_of(facts), NOW_NS + 6)
    assert ladder.now.since_ns == ladder.now.causes[0].since_ns == NOW_NS + 5


def test_every_cause_but_the_end_is_a_case() -> None:
    """So the table has no row that nothing leads to."""
    assert {cause for _, cause, _, _ in CASES} | {Cause.ENDED} == set(Cause) == set(STEPS)
    assert ended(NOW_NS, "stopped").rung is Rung.HALTED
    assert ended(NOW_NS, "stopped").why == "the process of the account has ended: stopped"


@pytest.mark.parametrize(("facts", "cause", "rung", "words"), CASES)
def test_a_fact_that_is_gone_heals_after_its_time(
    facts: Facts, cause: Cause, rung: Rung, words: str
) -> None:
    """No earlier by a nanosecond, and with no help of a person: the causes are technical."""
    del words
    ladder, heals_ns = well(), STEPS[cause].heals_ns
    ladder.step(causes_of(facts), NOW_NS + 5)
    gone_ns = NOW_NS + 10
    if heals_ns:
        ladder.step(causes_of(WELL), gone_ns)
        ladder.step(causes_of(WELL), gone_ns + heals_ns - 1)
        assert ladder.now.rung is rung
    assert ladder.step(causes_of(WELL), gone_ns + heals_ns)
    assert ladder.now == Readiness(Rung.READY, (), gone_ns + heals_ns)


def test_a_stream_that_stutters_begins_to_heal_anew() -> None:
    """A record between two silences proves nothing."""
    ladder, silent = well(), causes_of(WELL._replace(silent_ns=11 * SECOND_NS))
    heals_ns = STEPS[Cause.LOG_SILENT].heals_ns
    ladder.step(silent, NOW_NS)
    ladder.step({}, NOW_NS + 1)
    ladder.step(silent, NOW_NS + heals_ns)
    assert not ladder.step({}, NOW_NS + heals_ns + 1)
    assert not ladder.step({}, NOW_NS + 2 * heals_ns)
    assert ladder.step({}, NOW_NS + 2 * heals_ns + 1)
    assert ladder.now.rung is Rung.READY


def test_the_cause_that_weighs_most_decides_and_stands_first() -> None:
    """Any two of them."""
    rank = list(Rung)
    for one, other in product(Cause, repeat=2):
        ladder = well()
        ladder.step({one: "", other: ""}, NOW_NS)
        rungs = [STEPS[one].rung, STEPS[other].rung]
        assert ladder.now.rung is max(rungs, key=rank.index)
        assert STEPS[ladder.now.causes[0].cause].rung is ladder.now.rung


def test_a_rung_keeps_its_beginning_while_causes_change_below_it() -> None:
    """Since when nothing leaves is what a person asks."""
    ladder = well()
    ladder.step({Cause.LINK_DOWN: ""}, NOW_NS + 1)
    assert ladder.step({Cause.LINK_DOWN: "", Cause.NOT_RECONCILED: ""}, NOW_NS + 2)
    assert ladder.now.since_ns == NOW_NS + 1
    assert [one.since_ns for one in ladder.now.causes] == [NOW_NS + 1, NOW_NS + 2]


facts = st.builds(
    Facts,
    reconciled=st.booleans(),
    link_down=st.sampled_from(["", "cut"]),
    prices_down=st.sampled_from(["", "cut"]),
    circuit_open=st.sampled_from(["", "orders"]),
    unexplained=st.sampled_from(["", "EURUSD"]),
    in_doubt=st.integers(0, 5),
    silent_ns=st.sampled_from([None, 10**10]),
)


@given(st.lists(st.tuples(facts, st.integers(0, 2 * SECOND_NS)), max_size=20))
def test_the_ladder_is_never_above_what_is_so_now(steps: list[tuple[Facts, int]]) -> None:
    """Whatever happens: healing may hold it lower for a while, and ends once all is well."""
    rank, ladder, now_ns = list(Rung), Ladder(NOW_NS), NOW_NS
    for found, more_ns in steps:
        now_ns += more_ns
        causes = causes_of(found)
        ladder.step(causes, now_ns)
        now = ladder.now
        assert causes.keys() <= {one.cause for one in now.causes}
        assert all(rank.index(now.rung) >= rank.index(STEPS[cause].rung) for cause in causes)
        assert now.lets_openings is (now.rung is Rung.READY)
        assert now.lets_exits or not now.lets_openings
        if now.lets_exits:
            assert found.reconciled
            assert found.link_down == found.circuit_open == found.unexplained == ""
    for step in (0, SECOND_NS):
        ladder.step({}, now_ns + step)
    assert ladder.now.rung is Rung.READY
