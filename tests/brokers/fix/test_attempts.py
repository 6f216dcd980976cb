"""The pace at which a session that is down tries to come up, on a clock that a test moves."""

from itertools import pairwise

import numpy as np

from brokers.backoff import Backoff
from brokers.fix.attempts import WINDOW_NS, Attempts
from domain.nanos import MS_NS, SECOND_NS

STEP_NS = MS_NS


def attempts(seed: int = 1, first_s: float = 1.0) -> Attempts:
    """Return attempts with pauses from one second to thirty."""
    return Attempts(Backoff(first_s, 30.0, np.random.default_rng(seed)))


def windows(pace: Attempts, from_ns: int, for_s: int) -> list[tuple[int, int]]:
    """Return when the engine may work, while no logon begins: start and length of each window."""
    found: list[tuple[int, int]] = []
    worked = False
    for now_ns in range(from_ns, from_ns + for_s * SECOND_NS, STEP_NS):
        works = pace.may_work(now_ns, under_way=False)
        if works and not worked:
            found.append((now_ns, 0))
        if works:
            found[-1] = (found[-1][0], now_ns - found[-1][0])
        worked = works
    return found


def test_windows_are_short_and_pauses_grow_up_to_their_bound() -> None:
    """The first comes at once; each pause is within half and the whole of 1, 2, 4 ... 30 s."""
    found = windows(attempts(), SECOND_NS, 240)
    assert found[0][0] == SECOND_NS
    assert {length for _, length in found[:-1]} == {WINDOW_NS}
    pauses = [later - earlier - length for (earlier, length), (later, _) in pairwise(found)]
    for number, pause_ns in enumerate(pauses):
        longest_ns = min(30, 2**number) * SECOND_NS
        assert longest_ns // 2 <= pause_ns <= longest_ns + 2 * STEP_NS
    assert len(pauses) > 6


def test_two_programs_that_were_cut_off_together_come_back_apart() -> None:
    """That is what the engine's own pause cannot do."""
    starts = []
    for seed in (1, 2):
        pace = attempts(seed)
        pace.up()
        pace.down(SECOND_NS)
        starts.append(windows(pace, SECOND_NS, 3)[0][0])
    assert starts[0] != starts[1]
    assert min(starts) >= SECOND_NS + SECOND_NS // 2


def test_a_logon_under_way_is_not_disturbed_and_ends_the_pauses() -> None:
    """It has a time of its own; after it the next loss begins with the first pause."""
    pace = attempts()
    for _ in range(5):
        pace.down(SECOND_NS)
    assert not pace.may_work(2 * SECOND_NS, under_way=False)
    for now_ns in range(2 * SECOND_NS, 12 * SECOND_NS, SECOND_NS):
        assert pace.may_work(now_ns, under_way=True)
    pace.up()
    pace.down(12 * SECOND_NS)
    assert pace.may_work(13 * SECOND_NS, under_way=False)


def test_without_a_pause_it_always_may() -> None:
    """As tests want it."""
    assert len(windows(attempts(first_s=0.0), SECOND_NS, 5)) == 1
