"""Appending: what is kept, once, in which order, and when it is on disk."""

import hashlib
from typing import Any

import msgspec
import pytest

from domain.errors import BadUse
from tests.trading.journal.conftest import NewStore
from tests.trading.journal.stores import ACCOUNT, TTL_NS, draft, keys, opened, writing
from trading.journal.entries import EntryKind, genesis
from trading.journal.errors import KeyReused
from trading.journal.journal import Journal
from trading.journal.tables import entries


def test_an_entry_comes_back_as_it_was_written(dsn: str) -> None:
    """Every field, bytes included, and numbered behind the entry of the lease."""
    payload = '{"text": "€ \\u0000 \\" 日本", "price": "1.10020"}'.encode()
    wanted = draft(1, kind=EntryKind.CONTROL, payload=payload, ts_event_ns=-1, ts_recv_ns=2**63 - 1)
    with writing(dsn) as journal:
        assert journal.append(wanted) == 2
        journal.commit()
    with opened(dsn) as journal:
        lease, entry = journal.read()
        assert (lease.seq, lease.kind, lease.fence, lease.prev_hash) == (
            1, "lease", 1, genesis(ACCOUNT),
        )  # fmt: skip
        assert msgspec.structs.asdict(entry) == msgspec.structs.asdict(wanted) | {
            "account": ACCOUNT,
            "seq": 2,
            "kind": "control",
            "fence": 1,
            "prev_hash": lease.hash,
            "hash": journal.head.hash,
        }
        assert (len(entry.hash), journal.head.seq) == (32, 2)


def test_the_hash_is_that_of_the_format() -> None:
    """Anyone can check a journal by the description: a change of it would orphan every journal."""
    texts = [ACCOUNT.encode(), b"order_event", b"fact-1", b'{"fact":1}']
    with writing("sqlite://") as journal:
        journal.append_durable(draft(1))
        lease, entry = journal.read()
    raw = lease.hash
    for number in (2, 1_001, 2_001, 1):
        raw += number.to_bytes(8, "little")
    for text in texts:
        raw += len(text).to_bytes(4, "little")
    assert entry.hash == hashlib.blake2b(raw + b"".join(texts), digest_size=32).digest()


def test_a_fact_is_appended_once(dsn: str) -> None:
    """Waiting or committed, the same key and content give the place of the entry that is there."""
    with writing(dsn) as journal:
        assert [journal.append(draft(1)), journal.append(draft(1))] == [2, 2]
        journal.commit()
        later = draft(1, ts_recv_ns=9)
        assert [journal.append(later), journal.append(draft(2))] == [2, 3]
        journal.commit()
        assert keys(journal) == ["lease-1", "fact-1", "fact-2"]


@pytest.mark.parametrize("change", [{"payload": b'{"fact":2}'}, {"kind": "control"}])
@pytest.mark.parametrize("committed", [False, True])
def test_a_key_never_names_two_facts(
    sqlite_dsn: str, change: dict[str, Any], committed: bool
) -> None:
    """Other content under a known key is an error, and changes nothing."""
    with writing(sqlite_dsn) as journal:
        journal.append(draft(1))
        if committed:
            journal.commit()
        with pytest.raises(KeyReused, match=r"'fact-1' is that of entry 2"):
            journal.append(draft(1, **change))
        journal.commit()
        assert [entry.payload for entry in journal.read(1)] == [b'{"fact":1}']


def test_what_waits_is_lost_but_what_is_durable_stays(dsn: str) -> None:
    """A close is as good as a kill: an intent takes with it to disk all that came before it."""
    with writing(dsn) as journal:
        journal.append(draft(1))
        assert journal.append_durable(draft(2)) == 3
        journal.append(draft(3))
        assert keys(journal) == ["lease-1", "fact-1", "fact-2"]
    with opened(dsn) as journal:
        assert keys(journal) == ["lease-1", "fact-1", "fact-2"]


def test_many_are_appended_or_none(dsn: str) -> None:
    """One that cannot be takes back those before it, and the next ones take their places."""
    with writing(dsn) as journal:
        assert journal.append(draft(1)) == 2
        with pytest.raises(KeyReused):
            journal.append_many([draft(2), draft(3), draft(1, payload=b"0")])
        assert journal.append_many([draft(4), draft(1), draft(5)]) == [3, 2, 4]
        journal.commit()
        assert keys(journal, 1) == ["fact-1", "fact-4", "fact-5"]
        assert journal.verify() == journal.head


def test_accounts_of_one_store_do_not_meet(dsn: str) -> None:
    """Each has its own numbers, keys, chain and writer."""
    with writing(dsn, "a", "one") as first, writing(dsn, "b", "two") as second:
        assert first.append_durable(draft(1)) == second.append_durable(draft(1)) == 2
        assert first.append_durable(draft(2)) == 3
        assert (keys(first, 1), keys(second, 1)) == (["fact-1", "fact-2"], ["fact-1"])
        assert first.head.hash != second.head.hash
        assert (first.verify().seq, second.verify().seq) == (3, 2)


def test_reading_begins_behind_a_place(dsn: str) -> None:
    """More than one query's worth, from any place on, is read without a gap."""
    count = 2_345
    with writing(dsn) as journal:
        journal.append_many([draft(number) for number in range(1, count + 1)])
        journal.commit()
        for after in (0, 1, 1_000, 1_001, count, count + 1):
            found = [entry.seq for entry in journal.read(after)]
            assert found == list(range(after + 1, count + 2))


def test_nothing_is_appended_without_a_lease(sqlite_dsn: str) -> None:
    """One who only reads gets an error, and goes on reading."""
    with opened(sqlite_dsn) as journal:
        with pytest.raises(BadUse, match="`acquire` the lease"):
            journal.append(draft(1))
        assert keys(journal) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"key": ""}, "cannot be the name of an entry"),
        ({"key": "a\0b"}, "cannot be the name of an entry"),
        ({"key": "\ud800"}, "cannot be the name of an entry"),
        ({"kind": ""}, "cannot be the name of a kind"),
        ({"payload": b""}, "is no JSON"),
        ({"payload": b"{"}, "is no JSON"),
        ({"payload": b'"\xff"'}, "is no JSON"),
        ({"payload": b'{"a": "\0"}'}, "is no JSON"),
        ({"ts_event_ns": 2**63}, "nanoseconds in 64 bits"),
        ({"ts_recv_ns": -(2**63) - 1}, "nanoseconds in 64 bits"),
    ],
)
def test_what_would_not_come_back_is_refused(changes: dict[str, Any], told: str) -> None:
    """A draft that one of the databases would change or refuse never gets that far."""
    with writing("sqlite://") as journal:
        with pytest.raises(BadUse, match=told):
            journal.append(draft(1, **changes))
        assert journal.append_durable(draft(1)) == 2


@pytest.mark.parametrize("account", ["", "a\0b", "\ud800"])
def test_an_account_has_a_name(account: str) -> None:
    """An account or holder without one is refused before anything is opened."""
    with pytest.raises(BadUse, match="cannot be the name of an account"):
        Journal.open("sqlite://", account)
    with opened("sqlite://") as journal, pytest.raises(BadUse, match="the name of a holder"):
        journal.acquire(account, 0, TTL_NS)


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("mysql://root:secret@h/d", "not in mysql"),
        ("postgresql://u:secret@h/d", "not in postgresql"),
        ("no dsn with a secret", "cannot be read"),
    ],
)
def test_another_store_is_refused_without_its_password(dsn: str, told: str) -> None:
    """The message says what is possible, and nothing of what was given but the driver."""
    with pytest.raises(BadUse, match=told) as caught:
        Journal.open(dsn, ACCOUNT)
    assert "secret" not in str(caught.value)


def test_every_commit_reaches_the_disk(dsn: str) -> None:
    """SQLite logs ahead and syncs each commit; PostgreSQL does not answer before it has."""
    with writing(dsn) as journal:
        database = journal._database
        if database.is_sqlite:
            assert database.one("PRAGMA journal_mode", ()) == ("wal",)
            assert database.one("PRAGMA synchronous", ()) == (2,)
        else:
            assert database.one("SHOW synchronous_commit", ()) == ("on",)


def test_a_server_that_acknowledges_early_is_told_to_wait(new_postgresql: NewStore) -> None:
    """A database whose default loses commits does not lose ours."""
    dsn = new_postgresql()
    with opened(f"{dsn}%20-csynchronous_commit%3Doff") as journal:
        assert journal._database.one("SHOW synchronous_commit", ()) == ("on",)


def test_columns_are_in_the_order_of_the_fields() -> None:
    """Rows are written and read by place."""
    assert entries.columns.keys() == [
        "account", "seq", "kind", "key", "ts_event_ns", "ts_recv_ns", "fence", "payload",
        "prev_hash", "hash",
    ]  # fmt: skip
