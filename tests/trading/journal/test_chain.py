"""The chain: whatever is done to a stored entry is found, and said where."""

import msgspec
import pytest

from domain.errors import BadUse, Corrupt
from tests.trading.journal.stores import (
    ACCOUNT,
    TTL_NS,
    draft,
    file_of,
    filled,
    meddle,
    opened,
    writing,
)
from trading.journal.entries import Head
from trading.journal.errors import ChainBroken
from trading.journal.journal import Journal
from trading.journal.verification import verify_file

ADDITION = (
    "INSERT INTO entries SELECT account, 7, 'x', 'x', 0, 0, 1, '0', head_hash, head_hash "
    "FROM journals"
)

EDITS = {
    "account": ("UPDATE entries SET account = 'z' WHERE seq = 3", 3, "is missing"),
    "seq": ("UPDATE entries SET seq = 77 WHERE seq = 3", 3, "is missing; entry 4"),
    "kind": ("UPDATE entries SET kind = 'control' WHERE seq = 3", 3, "not what was written"),
    "key": ("UPDATE entries SET key = 'fact-9' WHERE seq = 3", 3, "not what was written"),
    "ts_event_ns": ("UPDATE entries SET ts_event_ns = 0 WHERE seq = 3", 3, "not what was written"),
    "ts_recv_ns": ("UPDATE entries SET ts_recv_ns = 0 WHERE seq = 3", 3, "not what was written"),
    "fence": ("UPDATE entries SET fence = 2 WHERE seq = 3", 3, "not what was written"),
    "payload": ("UPDATE entries SET payload = '0' WHERE seq = 3", 3, "not what was written"),
    "prev_hash": ("UPDATE entries SET prev_hash = hash WHERE seq = 3", 3, "does not follow"),
    "hash": ("UPDATE entries SET hash = prev_hash WHERE seq = 3", 3, "not what was written"),
    "deleted": ("DELETE FROM entries WHERE seq = 3", 3, "is missing; entry 4"),
    "deleted first": ("DELETE FROM entries WHERE seq = 1", 1, "is missing; entry 2"),
    "deleted last": ("DELETE FROM entries WHERE seq = 6", 6, "journal ended with entry 6"),
    "deleted all": ("DELETE FROM entries", 1, "journal ended with entry 6"),
    "added": (
        ADDITION,
        7,
        "not what was written",
    ),
    "head_seq lower": ("UPDATE journals SET head_seq = 5", 6, "behind the journal's end, entry 5"),
    "head_seq higher": ("UPDATE journals SET head_seq = 7", 7, "journal ended with entry 7"),
    "head_hash": (
        "UPDATE journals SET head_hash = (SELECT hash FROM entries WHERE seq = 5)",
        6,
        "not the one that the journal ends in",
    ),
    "lease's holder": ("UPDATE journals SET holder = 'other'", 0, "knows number 1 of 'writer'"),
    "lease's fence": ("UPDATE journals SET fence = 0", 0, "the lease is number 0"),
    "account's row": ("DELETE FROM journals", 1, "behind the journal's end, entry 0"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_is_found_where_it_was_made(dsn: str, edit: str) -> None:
    """In each column, and of whole rows: by a check of the store, and by whoever opens it."""
    filled(dsn, 5)
    statement, seq, told = EDITS[edit]
    assert verify_file(dsn)[ACCOUNT].seq == 6
    meddle(dsn, statement)
    with pytest.raises(ChainBroken, match=told) as caught:
        verify_file(dsn)
    assert (caught.value.seq, f"entry {seq}:" in str(caught.value)) == (seq, True)
    with pytest.raises(ChainBroken, match=told):
        Journal.open(dsn, ACCOUNT)


def test_two_entries_that_change_places_are_found(dsn: str) -> None:
    """Even with their numbers exchanged, so that none is missing."""
    filled(dsn, 5)
    meddle(
        dsn,
        "UPDATE entries SET seq = 99 WHERE seq = 3",
        "UPDATE entries SET seq = 3 WHERE seq = 4",
        "UPDATE entries SET seq = 4 WHERE seq = 99",
    )
    with pytest.raises(ChainBroken, match="does not follow the entry before it") as caught:
        verify_file(dsn)
    assert caught.value.seq == 3


def test_one_account_s_entries_are_no_other_s(dsn: str) -> None:
    """Nor does a broken account break the other's journal."""
    filled(dsn, 2, "a")
    filled(dsn, 2, "b")
    meddle(dsn, "UPDATE entries SET payload = '0' WHERE account = 'b' AND seq = 2")
    with opened(dsn, "a") as journal:
        assert journal.verify().seq == 3
    with pytest.raises(ChainBroken) as caught:
        verify_file(dsn)
    assert (caught.value.account, caught.value.seq) == ("b", 2)


def test_an_old_fence_cannot_come_back(sqlite_dsn: str) -> None:
    """An entry of an earlier writer behind one of a later is refused, were it chained ever so well.

    The hash is made as the journal makes it: only the order of the fences is wrong.
    """
    filled(sqlite_dsn, 1)
    with writing(sqlite_dsn) as journal:
        journal._lease.fence = 1
        meddle(sqlite_dsn, "UPDATE journals SET fence = 1")
        journal.append_durable(draft(2))
    with pytest.raises(ChainBroken, match="an earlier writer wrote it") as caught:
        verify_file(sqlite_dsn)
    assert caught.value.seq == 4


def test_an_end_that_was_kept_elsewhere_shows_what_was_cut_off(dsn: str) -> None:
    """Without it, nobody can see that the last entries went together with the account's row."""
    filled(dsn, 5)
    with opened(dsn) as journal:
        anchor = journal.head
        assert journal.verify(anchor) == anchor
        assert journal.verify(Head(0, next(journal.read()).prev_hash)) == anchor
    meddle(
        dsn,
        "DELETE FROM entries WHERE seq > 4",
        "UPDATE journals SET head_seq = 4, head_hash = (SELECT hash FROM entries WHERE seq = 4)",
    )
    with opened(dsn) as journal:
        assert journal.verify().seq == 4
        with pytest.raises(ChainBroken, match="when the journal was 6 entries long") as caught:
            journal.verify(anchor)
        assert caught.value.seq == 5
        journal.acquire("writer", 2 * TTL_NS, TTL_NS)
        journal.append_many([draft(number) for number in (6, 7, 8)])
        journal.commit()
        with pytest.raises(ChainBroken, match="was written anew") as caught:
            journal.verify(anchor)
        assert caught.value.seq == 6


def test_reading_finds_it_too(dsn: str) -> None:
    """Entries before the damage come out; nothing from there on does."""
    filled(dsn, 5)
    with opened(dsn) as journal:
        meddle(dsn, "UPDATE entries SET payload = '0' WHERE seq = 4")
        entries = journal.read()
        assert [next(entries).seq for _ in range(3)] == [1, 2, 3]
        with pytest.raises(ChainBroken):
            next(entries)
        assert [entry.seq for entry in journal.read(4)] == [5, 6]
        with pytest.raises(ChainBroken, match="entry 9: it is missing"):
            next(journal.read(9))


def test_a_writer_that_finds_other_entries_does_not_write(dsn: str) -> None:
    """The end in the store is compared with every commit."""
    with writing(dsn) as journal:
        journal.append_durable(draft(1))
        meddle(dsn, "UPDATE journals SET head_seq = 1 WHERE account = 'paper-1'")
        journal.append(draft(2))
        with pytest.raises(ChainBroken, match="ends with entry 1, which another process wrote"):
            journal.commit()
    meddle(dsn, "UPDATE journals SET head_seq = 2 WHERE account = 'paper-1'")
    assert verify_file(dsn)[ACCOUNT].seq == 2


def test_text_that_is_none_is_found(sqlite_dsn: str) -> None:
    """SQLite keeps any bytes as text: damage of that kind is located as well."""
    filled(sqlite_dsn, 3)
    for statement in (
        "UPDATE entries SET payload = CAST(X'FF' AS TEXT) WHERE seq = 3",
        "UPDATE entries SET key = CAST(X'FF' AS TEXT) WHERE seq = 3",
    ):
        meddle(sqlite_dsn, statement)
        with pytest.raises(ChainBroken, match="it cannot be read") as caught:
            verify_file(sqlite_dsn)
        assert caught.value.seq == 3


def test_a_store_is_checked_as_it_is(sqlite_dsn: str) -> None:
    """A check makes no file, and says of a file without journal that there is none."""
    with pytest.raises(BadUse, match="there is no journal"):
        verify_file(sqlite_dsn)
    assert not file_of(sqlite_dsn).exists()
    file_of(sqlite_dsn).touch()
    with pytest.raises(Corrupt, match="it was never opened for writing"):
        verify_file(sqlite_dsn)


def test_an_unknown_kind_is_read(sqlite_dsn: str) -> None:
    """A journal of a later version may hold kinds that are not known here."""
    with writing(sqlite_dsn) as journal:
        journal.append_durable(draft(1, kind="eclipse"))
    assert verify_file(sqlite_dsn)[ACCOUNT].seq == 2
    with opened(sqlite_dsn) as journal:
        assert [msgspec.json.decode(entry.payload) for entry in journal.read(1)] == [{"fact": 1}]
        assert [entry.kind for entry in journal.read(1)] == ["eclipse"]
