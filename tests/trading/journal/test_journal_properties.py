"""Any sequence of appends, commits, failures and reopenings gives what a list would."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.trading.journal.conftest import NewStore
from tests.trading.journal.stores import ACCOUNT, TTL_NS, draft, filled, meddle, opened, writing
from trading.journal.entries import Draft
from trading.journal.errors import ChainBroken, Fenced, KeyReused
from trading.journal.journal import Journal
from trading.journal.verification import verify_file

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TIMES = st.integers(-(2**63), 2**63 - 1)
DRAFTS = st.builds(Draft, TEXTS, TEXTS, TIMES, TIMES, JSON.map(msgspec.json.encode))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drafts=st.lists(DRAFTS, max_size=12, unique_by=lambda made: made.key))
def test_whatever_is_appended_is_read(new_dsn: NewStore, drafts: list[Draft]) -> None:
    """Every text, time and JSON, exactly and in order, from a store that was opened anew."""
    fresh = [made for made in drafts if made.key != "lease-1"]
    dsn = new_dsn()
    with writing(dsn) as journal:
        assert journal.append_many(fresh) == list(range(2, len(fresh) + 2))
        journal.commit()
    with opened(dsn) as journal:
        found = [
            Draft(e.kind, e.key, e.ts_event_ns, e.ts_recv_ns, e.payload) for e in journal.read(1)
        ]
        assert found == fresh


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_change_of_any_cell_is_found(new_sqlite: NewStore, data: Any) -> None:
    """Whichever entry and column, whatever comes in its place; and the place is said."""
    dsn = new_sqlite()
    filled(dsn, 4)
    seq = data.draw(st.integers(1, 5))
    column, value = data.draw(
        st.one_of(
            st.tuples(st.sampled_from(["kind", "key", "payload"]), TEXTS),
            st.tuples(st.sampled_from(["ts_event_ns", "ts_recv_ns", "fence"]), TIMES),
            st.tuples(st.sampled_from(["prev_hash", "hash"]), st.binary(max_size=40)),
        )
    )
    with opened(dsn) as journal:
        entry = next(journal.read(seq - 1))
    old = getattr(entry, column)
    same = (old.decode() if column == "payload" else old) == value
    meddle(dsn, f"UPDATE entries SET {column} = :value WHERE seq = {seq}", value=value)  # noqa: S608
    if same:
        assert verify_file(dsn)[ACCOUNT].seq == 5
        return
    with pytest.raises(ChainBroken) as caught:
        verify_file(dsn)
    assert caught.value.seq == seq


class JournalMachine(RuleBasedStateMachine):
    """A journal beside the two lists that it must be equal to: what is on disk, what waits."""

    new_store: NewStore

    @initialize()
    def begin(self) -> None:
        """Become the writer of an empty store."""
        self.dsn = type(self).new_store()
        self.now_ns = 0
        self.committed: list[tuple[str, bytes]] = []
        self.waiting: list[tuple[str, bytes]] = []
        self.reopen()

    @rule(number=st.integers(0, 30), variant=st.integers(0, 1))
    def append(self, number: int, variant: int) -> None:
        """Append a fact, which may be known with this content or another."""
        key, payload = f"fact-{number}", b"%d" % variant
        known = dict(self.committed + self.waiting)
        wanted = draft(number, payload=payload)
        if known.get(key, payload) != payload:
            with pytest.raises(KeyReused):
                self.journal.append(wanted)
            return
        if key not in known:
            self.waiting.append((key, payload))
        place = [name for name, _ in self.committed + self.waiting].index(key) + 1
        assert self.journal.append(wanted) == place

    @rule()
    def commit(self) -> None:
        """Commit what waits."""
        self.journal.commit()
        self.committed += self.waiting
        self.waiting = []

    @rule(number=st.integers(31, 60))
    def intend(self, number: int) -> None:
        """Append a fact and commit all."""
        if f"fact-{number}" not in dict(self.committed):
            self.waiting.append((f"fact-{number}", b"null"))
        self.journal.append_durable(draft(number, payload=b"null"))
        self.committed += self.waiting
        self.waiting = []

    @rule()
    def die(self) -> None:
        """Lose what waits, and come back."""
        self.journal.close()
        self.waiting = []
        self.reopen()

    @rule(number=st.integers(61, 90))
    def be_passed_over(self, number: int) -> None:
        """Lose the lease to another, who writes a fact; then come back after its time."""
        self.now_ns += TTL_NS
        with opened(self.dsn) as other:
            fence = other.acquire("other", self.now_ns, TTL_NS)
            other.append_durable(draft(number, payload=b"null"))
        self.note_lease(fence)
        if f"fact-{number}" not in dict(self.committed):
            self.committed.append((f"fact-{number}", b"null"))
        with pytest.raises(Fenced):
            self.journal.append_durable(draft(99))
        self.now_ns += TTL_NS
        self.die()

    @invariant()
    def equals_the_lists(self) -> None:
        """Compare what is on disk with what was committed."""
        if hasattr(self, "journal"):
            found = [(e.key, b"" if e.kind == "lease" else e.payload) for e in self.journal.read()]
            assert found == self.committed
            assert self.journal.head.seq == len(found)

    def reopen(self) -> None:
        """Open the journal and take the lease."""
        self.journal = Journal.open(self.dsn, ACCOUNT)
        self.note_lease(self.journal.acquire("writer", self.now_ns, TTL_NS))

    def note_lease(self, fence: int) -> None:
        """Note the entry that a change of hands leaves."""
        self.committed.append((f"lease-{fence}", b""))

    def teardown(self) -> None:
        """Check the whole, and close it."""
        if hasattr(self, "journal"):
            assert self.journal.verify().seq == len(self.committed)
            self.journal.close()


@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 15), ("postgresql", 5)])
def test_a_journal_is_a_list_that_survives(
    request: pytest.FixtureRequest, kind: str, examples: int
) -> None:
    """Over any course of events, other writers included."""
    store: NewStore = request.getfixturevalue(f"new_{kind}")
    machine = type("Machine", (JournalMachine,), {"new_store": staticmethod(store)})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None)
    )
