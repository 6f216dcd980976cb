"""The lease: one writer, whose number every write and every send is checked against."""

from collections.abc import Callable

import msgspec
import pytest

from domain.errors import BadUse, Halt, Retry
from tests.trading.journal.conftest import NewStore
from tests.trading.journal.stores import ACCOUNT, SECOND_NS, TTL_NS, draft, keys, opened, writing
from trading.journal.errors import Fenced, LeaseHeld
from trading.journal.lease import LeaseState
from trading.journal.verification import verify_file


def test_the_fence_rises_with_every_change_of_hands(dsn: str) -> None:
    """By return of the same holder, by running out and by giving back; the journal knows each."""
    with opened(dsn) as first, opened(dsn) as second:
        assert first.acquire("one", 0, TTL_NS) == 1
        assert first.acquire("one", 1, TTL_NS) == 2
        assert second.acquire("two", TTL_NS + 1, TTL_NS) == 3
        second.release(TTL_NS + 2)
        assert second.fence == 0
        assert second.acquire("one", TTL_NS + 3, TTL_NS) == 5
        states = [msgspec.json.decode(entry.payload, type=LeaseState) for entry in second.read()]
        assert states == [
            LeaseState("one", 1, TTL_NS),
            LeaseState("one", 2, TTL_NS + 1),
            LeaseState("two", 3, 2 * TTL_NS + 1),
            LeaseState("", 4, 0),
            LeaseState("one", 5, 2 * TTL_NS + 3),
        ]
        assert [entry.fence for entry in second.read()] == [1, 2, 3, 3, 5]
        assert second.verify().seq == 5


def test_nobody_takes_a_lease_that_runs(dsn: str) -> None:
    """To the last nanosecond; the message names the holder and the wait."""
    with writing(dsn, holder="one") as first, opened(dsn) as second:
        for now_ns in (0, TTL_NS - 2 * SECOND_NS, TTL_NS - 1):
            with pytest.raises(LeaseHeld, match="written by 'one'") as caught:
                second.acquire("two", now_ns, TTL_NS)
            assert isinstance(caught.value, Retry)
        first.check(TTL_NS - 1)
        assert keys(second) == ["lease-1"]
        assert second.acquire("two", TTL_NS, TTL_NS) == 2


def test_a_renewed_lease_runs_on(dsn: str) -> None:
    """From the time of the renewal, and a clock that was set back takes nothing away."""
    with writing(dsn, holder="one") as first, opened(dsn) as second:
        first.renew(5 * SECOND_NS, TTL_NS)
        first.renew(1 * SECOND_NS, TTL_NS)
        first.check(15 * SECOND_NS - 1)
        with pytest.raises(LeaseHeld):
            second.acquire("two", 15 * SECOND_NS - 1, TTL_NS)
        with pytest.raises(Fenced, match=r"ran out 0\.0 s ago"):
            first.check(15 * SECOND_NS)
        # Nobody has taken it: it is renewed, not lost.
        first.renew(16 * SECOND_NS, TTL_NS)
        first.check(16 * SECOND_NS)


def test_a_lease_that_was_given_back_is_free_at_once(dsn: str) -> None:
    """What waited is committed with it, and its number counts for nobody."""
    with writing(dsn, holder="one") as first, opened(dsn) as second:
        first.append(draft(1))
        first.release(3)
        assert second.acquire("two", 4, TTL_NS) == 3
        assert keys(second) == ["lease-1", "fact-1", "lease-2", "lease-3"]
        acts: list[Callable[[], None]] = [
            lambda: first.check(5),
            lambda: first.release(5),
            lambda: first.renew(5, 1),
        ]
        for act in acts:
            with pytest.raises(Fenced, match="without a lease"):
                act()
        with pytest.raises(BadUse, match="`acquire` the lease"):
            first.append(draft(2))


def test_one_who_was_passed_over_writes_nothing(dsn: str) -> None:
    """Not what waited, not a projection, not a renewal; and no send passes its check."""
    with writing(dsn, holder="one") as first, opened(dsn) as second:
        first.append(draft(1))
        second.acquire("two", TTL_NS, TTL_NS)
        second.append_durable(draft(2))
        for act in (
            lambda: first.check(1),
            first.commit,
            lambda: first.append_durable(draft(3)),
            lambda: first.renew(1, TTL_NS),
            lambda: first.release(1),
            lambda: first.rebuild([]),
        ):
            with pytest.raises(Fenced, match="number 2 now, not under number 1") as caught:
                act()
            assert isinstance(caught.value, Halt)
        second.check(TTL_NS + 1)
        assert keys(second) == ["lease-1", "lease-2", "fact-2"]
    assert verify_file(dsn)[ACCOUNT].seq == 3


def test_one_who_comes_back_under_its_name_fences_its_former_self(dsn: str) -> None:
    """A restart need not wait; a copy of the process that still runs is out."""
    with writing(dsn, holder="one") as former, opened(dsn) as present:
        former.append_durable(draft(1))
        assert present.acquire("one", 1, TTL_NS) == 2
        with pytest.raises(Fenced):
            former.check(1)
        present.append_durable(draft(2))
        assert keys(present) == ["lease-1", "fact-1", "lease-2", "fact-2"]


def test_a_hundred_pauses_let_no_zombie_through(new_dsn: NewStore) -> None:
    """A process sleeps with work in hand, and wakes up after another took over, wrote and went."""
    dsn, now_ns, written = new_dsn(), 0, []
    with opened(dsn) as heir:
        for pause in range(100 if dsn.startswith("sqlite") else 30):
            with opened(dsn) as sleeper:
                fence = sleeper.acquire("sleeper", now_ns, TTL_NS)
                sleeper.append(draft(pause, f"before-{pause}"))
                sleeper.commit()
                # It falls asleep between the check and the commit, and wakes up past its time.
                sleeper.check(now_ns)
                sleeper.append(draft(pause, f"zombie-{pause}"))
                now_ns += TTL_NS
                assert heir.acquire("heir", now_ns, TTL_NS) == fence + 1
                with pytest.raises(Fenced):
                    sleeper.check(now_ns - 1)
                with pytest.raises(Fenced):
                    sleeper.commit()
                heir.append(draft(pause, f"after-{pause}"))
                heir.release(now_ns)
                with pytest.raises(Fenced):
                    sleeper.commit()
            written += [f"lease-{fence}", f"before-{pause}", f"lease-{fence + 1}"]
            written += [f"after-{pause}", f"lease-{fence + 2}"]
        assert keys(heir) == written


def test_a_reader_that_becomes_the_writer_reads_what_came_between(dsn: str) -> None:
    """Its chain goes on behind the last entry, whoever wrote it."""
    with opened(dsn) as late:
        with writing(dsn, holder="one") as first:
            first.append_many([draft(1), draft(2)])
            first.release(1)
        assert late.head.seq == 0
        late.acquire("two", 2, TTL_NS)
        assert late.append_durable(draft(1)) == 2
        assert late.append_durable(draft(3)) == 6
        assert keys(late, 3) == ["lease-2", "lease-3", "fact-3"]


def test_a_lease_is_taken_with_nothing_in_hand(sqlite_dsn: str) -> None:
    """What waits bears the old fence: it is committed first."""
    with writing(sqlite_dsn) as journal:
        journal.append(draft(1))
        with pytest.raises(BadUse, match="commit what waits"):
            journal.acquire("writer", 1, TTL_NS)
        with pytest.raises(BadUse, match="never begins"):
            journal.acquire("writer", 1, 0)
