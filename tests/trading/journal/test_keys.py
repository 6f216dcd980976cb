"""Keys that are surely new are not looked up; all others are, and the store decides."""

import pytest

from tests.trading.journal.conftest import NewStore
from tests.trading.journal.stores import TTL_NS, draft, opened, writing
from trading.journal import keys
from trading.journal.errors import KeyReused
from trading.journal.journal import Journal
from trading.journal.keys import KnownKeys


def again(journal: Journal) -> None:
    """Append a fact that is there, and another under its key.

    Raises
    ------
    AssertionError
        If the first is appended twice, or the second at all.
    """
    assert journal.append(draft(1)) == 2
    with pytest.raises(KeyReused):
        journal.append(draft(1, payload=b"{}"))


def test_what_was_added_is_known() -> None:
    """And nothing else."""
    known = KnownKeys()
    known.add(["a", "b"])
    assert "a" in known
    assert "b" in known
    assert "c" not in known


def test_beyond_its_bound_every_key_may_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the store is asked about each."""
    monkeypatch.setattr(keys, "_MOST", 3)
    known = KnownKeys()
    known.add("abc")
    assert "d" not in known
    known.add("d")
    assert "e" in known
    known.add("f")
    assert "g" in known


def test_a_journal_knows_the_keys_of_its_past(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that it has committed, those of an earlier life, and those beyond what it remembers."""
    with writing(dsn) as journal:
        journal.append_durable(draft(1))
        again(journal)
    with opened(dsn) as journal:
        journal.acquire("writer", 2 * TTL_NS, TTL_NS)
        again(journal)
        monkeypatch.setattr(keys, "_MOST", 2)
        journal.append_durable(draft(2))
        again(journal)


def test_a_journal_learns_the_keys_that_another_writes(new_dsn: NewStore) -> None:
    """One that was opened before takes over from a writer and finds its entries."""
    dsn = new_dsn()
    with opened(dsn) as later:
        with writing(dsn) as journal:
            journal.append_durable(draft(1))
        later.acquire("later", 2 * TTL_NS, TTL_NS)
        again(later)
