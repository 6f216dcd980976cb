"""Files that are full, torn or garbled: nothing is half written, nothing wrong is believed."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from domain.errors import Corrupt
from tests.trading.journal.conftest import NewStore
from tests.trading.journal.stores import (
    ACCOUNT,
    EXECUTION,
    ORDER,
    POSITION,
    draft,
    file_of,
    filled,
    keys,
    opened,
    writing,
)
from trading.journal.entries import Entry
from trading.journal.errors import JournalFull, JournalUnavailable
from trading.journal.journal import Journal
from trading.journal.projections import Record
from trading.journal.verification import verify_file

PAGE, WAL_HEADER, FRAME_HEADER = 4_096, 32, 24
FRAME = FRAME_HEADER + PAGE


def crashed(dsn: str, target: Path, facts: int) -> list[Entry]:
    """Copy a journal as a kill would leave it, its log not folded back, and return its entries."""
    target.mkdir()
    with writing(dsn) as journal:
        for number in range(1, facts + 1):
            journal.append_durable(draft(number))
        for part in file_of(dsn).parent.glob("journal.db*"):
            if not part.name.endswith("-shm"):
                shutil.copy(part, target / part.name)
        return list(journal.read())


def test_a_full_store_takes_nothing_and_forgets_nothing(sqlite_dsn: str) -> None:
    """What does not fit waits until there is room; what was committed stays."""
    big = b'"' + b"x" * 40_000 + b'"'
    with writing(sqlite_dsn) as journal:
        pages = journal._database.one("PRAGMA page_count", ())[0]
        journal._database.one(f"PRAGMA max_page_count = {pages + 25}", ())
        journal.append_durable(draft(1, payload=big))
        journal.append(draft(2, payload=big))
        journal.project(ORDER)
        for _ in range(2):
            with pytest.raises(JournalFull, match="full; make room, then start again"):
                journal.append_durable(draft(3, payload=big))
        # Cancels need no journal: the lease can still be checked before they are sent.
        journal.check(1)
        with opened(sqlite_dsn) as other:
            assert (keys(other, 1), other.orders()) == (["fact-1"], [])
        journal._database.one("PRAGMA max_page_count = 1000", ())
        journal.commit()
        assert (keys(journal, 1), journal.orders()) == (["fact-1", "fact-2", "fact-3"], [ORDER])
    assert verify_file(sqlite_dsn)[ACCOUNT].seq == 4


def test_a_disk_that_ends_in_the_middle_of_a_commit_tears_nothing(sqlite_dsn: str) -> None:
    """A process that may write no byte more halts; the next one finds whole commits."""
    script = """
import resource
import sys
from tests.trading.journal.stores import draft, opened
from trading.journal.errors import JournalUnavailable
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
with opened(sys.argv[1]) as journal:
    journal.acquire("writer", 0, 10**12)
    for number in range(10_000):
        try:
            journal.append_many([draft(10 * number + i) for i in range(10)])
            journal.commit()
        except JournalUnavailable as error:
            print(number, type(error).__name__)
            break
"""
    filled(sqlite_dsn, 0)
    done = subprocess.run(
        [sys.executable, "-c", script, sqlite_dsn],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    batches, error = done.stdout.split()
    assert error in ("JournalUnavailable", "JournalFull")
    assert int(batches) > 3
    head = verify_file(sqlite_dsn)[ACCOUNT]
    assert (head.seq - 2) % 10 == 0
    assert head.seq >= 2 + 10 * int(batches)


def test_a_torn_log_loses_the_torn_commit_alone(new_sqlite: NewStore, tmp_path: Path) -> None:
    """Cut at any byte of its last frames, each commit that is whole is there."""
    written = crashed(new_sqlite(), tmp_path / "crash", 12)
    log = (tmp_path / "crash" / "journal.db-wal").read_bytes()
    frames = (len(log) - WAL_HEADER) // FRAME
    commits = [
        number for number in range(1, frames + 1)
        if log[WAL_HEADER + (number - 1) * FRAME + 4 :][:4] != bytes(4)
    ]  # fmt: skip
    assert len(commits) >= 13
    cuts = {len(log) - cut for cut in (0, 1, 2, PAGE, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME)}
    rng = np.random.default_rng(16)
    cuts |= {int(cut) for cut in rng.integers(commits[-4] * FRAME, len(log), 40)}
    seen = set()
    for cut in sorted(cuts):
        folder = tmp_path / f"cut-{cut}"
        shutil.copytree(tmp_path / "crash", folder)
        (folder / "journal.db-wal").write_bytes(log[:cut])
        whole = sum(WAL_HEADER + number * FRAME <= cut for number in commits)
        with opened(f"sqlite:///{folder / 'journal.db'}") as journal:
            # The first commit is the schema, the second the lease.
            assert list(journal.read()) == written[: whole - (len(commits) - len(written))]
        seen.add(whole)
        shutil.rmtree(folder)
    assert len(seen) >= 3


def test_a_bit_that_flips_in_the_log_is_found(new_sqlite: NewStore, tmp_path: Path) -> None:
    """In front of a complete commit the journal is refused; in the last one it is a torn tail."""
    written = crashed(new_sqlite(), tmp_path / "crash", 12)
    log = (tmp_path / "crash" / "journal.db-wal").read_bytes()
    rng = np.random.default_rng(17)
    places = [*range(WAL_HEADER), *map(int, rng.integers(WAL_HEADER, len(log), 80))]
    refused, told = 0, set()
    for place in places:
        damaged = bytearray(log)
        damaged[place] ^= 1 << int(rng.integers(8))
        folder = tmp_path / f"flip-{refused}"
        shutil.copytree(tmp_path / "crash", folder, dirs_exist_ok=True)
        (folder / "journal.db-wal").write_bytes(damaged)
        dsn = f"sqlite:///{folder / 'journal.db'}"
        try:
            with opened(dsn) as journal:
                assert list(journal.read()) in (written, written[:-1])
        except Corrupt as error:
            refused += 1
            told.add(str(error).partition(": ")[2].partition(" frame ")[0])
            # The evidence stays: a second start must not find a journal that looks whole.
            with pytest.raises(Corrupt):
                Journal.open(dsn, ACCOUNT)
        shutil.rmtree(folder)
    assert refused > 80
    assert told == {"its write-ahead log is damaged at"}


def test_a_bit_that_flips_in_the_file_changes_nothing_unseen(
    new_sqlite: NewStore, tmp_path: Path
) -> None:
    """The journal is refused, or every entry is as it was and a rebuild mends the tables."""
    dsn = new_sqlite()
    records: list[Record] = [ORDER, EXECUTION, POSITION]
    with writing(dsn) as journal:
        journal.append_many([draft(number) for number in range(1, 80)])
        journal.project(*records)
        journal.commit()
        written = list(journal.read())
    content = file_of(dsn).read_bytes()
    rng = np.random.default_rng(18)
    refused = 0
    for place in map(int, rng.integers(0, len(content), 100)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        path = tmp_path / "journal.db"
        path.write_bytes(damaged)
        try:
            with opened(f"sqlite:///{path}") as journal:
                assert list(journal.read()) == written
                journal.acquire("writer", 10**18, 10**9)
                assert [journal.append(draft(number)) for number in range(1, 80)] == list(
                    range(2, 81)
                )
                journal.rebuild(records)
                assert [*journal.orders(), *journal.executions(), *journal.positions()] == records
        except Corrupt:
            refused += 1
    assert refused > 15


def garble_header(path: Path) -> None:
    """Overwrite the file with text."""
    path.write_bytes(b"this was a journal once" * 100)


def garble_page(path: Path) -> None:
    """Overwrite the inside of the file."""
    content = bytearray(path.read_bytes())
    content[PAGE : 2 * PAGE] = b"\xff" * PAGE
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    """Lose the second half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def lose_index(path: Path) -> None:
    """Let the index of the keys say something else than the table."""
    store = sqlite3.connect(path)
    store.execute("PRAGMA writable_schema = ON")
    store.execute(
        "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema"
        " WHERE name = 'sqlite_autoindex_executions_1') WHERE name LIKE 'sqlite_autoindex_ent%'"
    )
    store.commit()
    store.close()


@pytest.mark.parametrize("garble", [garble_header, garble_page, cut_short, lose_index])
def test_a_file_that_cannot_be_trusted_is_refused(sqlite_dsn: str, garble: object) -> None:
    """In one line that says which file, and what to do."""
    assert callable(garble)
    filled(sqlite_dsn, 40)
    garble(file_of(sqlite_dsn))
    for act in (lambda: Journal.open(sqlite_dsn, ACCOUNT), lambda: verify_file(sqlite_dsn)):
        with pytest.raises(Corrupt, match=r"journal\.db.*restore it from a backup") as caught:
            act()
        assert "\n" not in str(caught.value)


def test_a_read_only_folder_is_unavailable(sqlite_dsn: str) -> None:
    """A store that cannot be written halts at the first write."""
    with writing(sqlite_dsn) as journal:
        journal._database.one("PRAGMA query_only = ON", ())
        journal.append(draft(1))
        with pytest.raises(JournalUnavailable):
            journal.commit()
