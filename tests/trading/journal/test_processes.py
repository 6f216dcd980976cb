"""Whole processes: killed while they write, stopped while another takes over, reading beside."""

import subprocess
import sys
from pathlib import Path

from tests.trading.journal.stores import ACCOUNT, draft, keys, opened, writing
from trading.journal.verification import verify_file

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> str:
    """Run rounds of killing or pausing to their end, and return what they say."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.trading.journal.rounds", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def started(script: str, dsn: str) -> subprocess.Popen[str]:
    """Start a script in a process of its own, which is heard and can be spoken to."""
    return subprocess.Popen(
        [sys.executable, "-c", script, dsn],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_kill_leaves_whole_commits(dsn: str) -> None:
    """SIGKILL at random moments: every reported commit is there, no other is there by halves."""
    assert run("kill", dsn, "10") == "whole 10"
    assert verify_file(dsn)[ACCOUNT].seq > 100


def test_a_stopped_process_wakes_up_fenced(dsn: str) -> None:
    """SIGSTOP at random moments: what it does after the other took over reaches nothing."""
    assert run("pause", dsn, "6") == "fenced 6"


def test_a_process_reads_while_another_writes(dsn: str) -> None:
    """It sees whole commits that only grow, and the writer is never kept waiting."""
    script = (
        "import sys\n"
        "from tests.trading.journal.stores import opened\n"
        "with opened(sys.argv[1]) as journal:\n"
        "    seen = journal.head.seq\n"
        "    print(seen, flush=True)\n"
        "    while seen < 601:\n"
        "        head = journal.verify()\n"
        "        assert head.seq >= seen and (head.seq - 1) % 3 == 0, head\n"
        "        seen = head.seq\n"
        "    print(seen)\n"
    )
    with writing(dsn) as journal, started(script, dsn) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "1\n"
        for number in range(200):
            journal.append_many([draft(number, f"{number}/{part}") for part in range(3)])
            journal.commit()
        assert reader.communicate(timeout=60)[0] == "601\n"
    assert reader.returncode == 0
    with opened(dsn) as journal:
        assert len(keys(journal)) == 601


def test_two_processes_open_a_new_store_at_once(dsn: str) -> None:
    """One of them makes the tables, the other finds them."""
    script = (
        "import sys\n"
        "from tests.trading.journal.stores import opened\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "with opened(sys.argv[1]) as journal:\n"
        "    print(journal.head.seq)\n"
    )
    with started(script, dsn) as one, started(script, dsn) as other:
        for opener in (one, other):
            assert opener.stdout is not None
            assert opener.stdout.readline() == "ready\n"
        for opener in (one, other):
            assert opener.stdin is not None
            opener.stdin.write("go\n")
            opener.stdin.flush()
        assert [opener.communicate(timeout=60)[0] for opener in (one, other)] == ["0\n", "0\n"]
