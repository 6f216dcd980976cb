"""Processes that are killed or stopped while they write a journal; run by `test_processes`.

Started as ``python -m tests.trading.journal.rounds kill DSN ROUNDS`` or ``... pause DSN ROUNDS``.
The modules are loaded once, and each round's writer is a fork of this process.
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import msgspec
import numpy as np
from msgspec.structs import replace

from tests.trading.journal.stores import ORDER, draft, keys, opened
from trading.journal import database
from trading.journal.errors import Fenced, JournalBusy, JournalUnavailable
from trading.journal.journal import Journal
from trading.journal.lease import LeaseState

HOUR_NS = 3_600_000_000_000


def forked(work: Callable[[int], None]) -> tuple[int, int]:
    """Run ``work`` in a fork, and return its process id and a pipe of what it reports."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child:
        os.close(theirs)
        return child, ours
    os.close(ours)
    try:
        work(theirs)
    finally:
        os._exit(0)


def batch(journal: Journal, number: int) -> int:
    """Append a batch with the order that it leaves behind, and return how many entries it has."""
    size = number % 5 + 1
    for part in range(size):
        payload = msgspec.json.encode({"batch": number, "of": size})
        journal.append(draft(number, f"{number}/{part}", payload=payload))
    journal.project(replace(ORDER, filled_units=Decimal(number)))
    return size


def killed(dsn: str, rounds: int) -> None:
    """Kill a writer at random moments: what it had reported is there, and nothing by halves."""
    rng = np.random.default_rng(3)
    reported = first = 0
    for number in range(rounds):

        def write(pipe: int, first: int = first) -> None:
            with opened(dsn) as journal:
                journal.acquire("writer", 0, HOUR_NS)
                for step in range(first, 10**9):
                    batch(journal, step)
                    if step % 2:
                        journal.commit()
                    else:
                        journal.append_durable(draft(step, f"{step}/intent"))
                    os.write(pipe, step.to_bytes(8, "little"))

        child, pipe = forked(write)
        for _ in range(int(rng.integers(3, 40))):
            reported = int.from_bytes(os.read(pipe, 8), "little")
        # Into the next commit, by any part of it.
        time.sleep(float(rng.random()) / 500)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while rest := os.read(pipe, 8):
            reported = int.from_bytes(rest, "little")
        os.close(pipe)
        first = check_whole(dsn, reported, number + 1) + 1
    print("whole", rounds)


def check_whole(dsn: str, reported: int, leases: int) -> int:
    """Say the last batch of a journal, which must hold every one up to it, and each completely."""
    with opened(dsn) as journal:
        parts: Counter[int] = Counter()
        intents, seen = set(), []
        for entry in journal.read():
            if entry.kind == "lease":
                seen.append(entry.key)
                continue
            if entry.key.endswith("/intent"):
                intents.add(int(entry.key.split("/")[0]))
                continue
            parts[msgspec.json.decode(entry.payload)["batch"]] += 1
        last = max(parts)
        assert seen == [f"lease-{number}" for number in range(1, leases + 1)]
        assert parts == {number: number % 5 + 1 for number in range(last + 1)}
        assert intents == {number for number in range(last + 1) if number % 2 == 0}
        assert last in (reported, reported + 1)
        assert journal.orders() == [replace(ORDER, filled_units=Decimal(last))]
    return last


def paused(dsn: str, rounds: int) -> None:
    """Stop a writer at random moments and take over: once awake it writes and sends nothing.

    Where PostgreSQL ended the transaction that it slept in, it halts for that; else it is fenced.
    """
    database.BUSY_TIMEOUT_S, database._IDLE_TIMEOUT_S = 0.5, 0.2
    rng = np.random.default_rng(4)
    for number in range(rounds):

        def write(pipe: int, number: int = number) -> None:
            with opened(dsn) as journal:
                journal.acquire(f"sleeper {number}", number * HOUR_NS, HOUR_NS)
                sent = 0
                try:
                    while True:
                        journal.append_durable(draft(sent, f"{number}/{sent}"))
                        journal.check(number * HOUR_NS + 1)
                        sent += 1
                        os.write(pipe, b".")
                        time.sleep(0.001)
                except (Fenced, JournalUnavailable):
                    os.write(pipe, b"H")
                for act in (
                    lambda: journal.check(number * HOUR_NS + 1),
                    lambda: journal.append_durable(draft(0, f"{number}/late")),
                ):
                    try:
                        act()
                    except (Fenced, JournalUnavailable):
                        os.write(pipe, b"H")

        child, pipe = forked(write)
        for _ in range(int(rng.integers(3, 30))):
            assert os.read(pipe, 1) == b"."
        time.sleep(float(rng.random()) / 500)
        take_over(dsn, child, number)
        os.kill(child, signal.SIGCONT)
        os.waitpid(child, 0)
        heard = b""
        while piece := os.read(pipe, 4_096):
            heard += piece
        os.close(pipe)
        assert heard.lstrip(b".") == b"HHH", heard
        check_order(dsn, number)
    print("fenced", rounds)


def take_over(dsn: str, child: int, number: int) -> None:
    """Stop the child, and become the writer once its lease has run out."""
    with opened(dsn) as journal:
        now_ns = (number + 1) * HOUR_NS
        while not journal.fence:
            os.kill(child, signal.SIGSTOP)
            try:
                journal.acquire("heir", now_ns, HOUR_NS)
            except JournalBusy:
                # Stopped within a commit, with SQLite's lock in its hand: nobody passes before it
                # goes on or dies. It goes on a little here.
                os.kill(child, signal.SIGCONT)
                time.sleep(0.003)
        journal.append_durable(draft(number, f"{number}/heir"))
        journal.release(now_ns)


def check_order(dsn: str, number: int) -> None:
    """Refuse a journal in which the sleeper wrote once the heir had begun."""
    with opened(dsn) as journal:
        found = keys(journal)
        assert f"{number}/late" not in found
        own = [key for key in found if key.startswith(f"{number}/")]
        assert own[-1] == f"{number}/heir"
        holders = [
            msgspec.json.decode(entry.payload, type=LeaseState).holder
            for entry in journal.read()
            if entry.kind == "lease"
        ]
        assert holders[-3:] == [f"sleeper {number}", "heir", ""]


if __name__ == "__main__":
    {"kill": killed, "pause": paused}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
