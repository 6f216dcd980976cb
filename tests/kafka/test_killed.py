"""A dataflow that is killed or stopped at any moment ends with the log that it would have had."""

import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from itertools import accumulate, zip_longest
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from domain.log import LogAddress
from tests.kafka.flow import SOURCE, TARGET, Death, Orders, Place, results_of, value_of
from tests.kafka.log import TIMEOUT_S, committed, read, streams, wait_until, write, write_end

KEYS = [f"K{n}" for n in range(7)]
PER_KEY = 300
REPOSITORY = Path(__file__).parents[2]


def start(orders: Orders) -> subprocess.Popen[bytes]:
    """Start a life."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.kafka.flow", msgspec.json.encode(orders).decode()],
        cwd=REPOSITORY,
    )


def end(address: LogAddress) -> None:
    """End the input."""
    write_end(address, SOURCE, range(address.partitions))


def live(orders: Orders) -> int:
    """Live a life to its end, whichever it is; return the exit code."""
    return start(orders).wait(TIMEOUT_S)


def fill(address: LogAddress, seed: int) -> None:
    """Write the input without its end: every key's numbers in order, the keys mixed."""
    turns = np.repeat(np.arange(len(KEYS)), PER_KEY)
    np.random.default_rng(seed).shuffle(turns)
    at = Counter[str]()
    records = []
    for key in (KEYS[turn] for turn in turns):
        at[key] += 1
        records.append((address.partition(key), key.encode(), value_of(key, at[key])))
    write(address, SOURCE, records)


def expected() -> dict[str, list[tuple[int, bytes]]]:
    """Say what the output must hold, by stream."""
    numbers = range(1, PER_KEY + 1)
    return {
        key: list(
            enumerate(
                (
                    result
                    for number, total in zip(numbers, accumulate(numbers), strict=True)
                    for result in results_of(key, number, total)
                ),
                1,
            )
        )
        for key in KEYS
    }


def assert_exact(address: LogAddress) -> None:
    """Assert that the output is whole, in order, once, and has ended."""
    records = read(address, TARGET)
    found, wanted = streams(records), expected()
    assert found.keys() <= wanted.keys()
    wrong = [
        f"{key} has {why}" for key in wanted if (why := difference(found.get(key, []), wanted[key]))
    ]
    sizes = Counter(record.partition for record in records)
    assert not wrong, f"partitions hold {dict(sizes)}: " + "; ".join(wrong)
    assert [r.partition for r in records if r.end] == list(range(address.partitions))


def difference(found: list[tuple[int, bytes]], wanted: list[tuple[int, bytes]]) -> str:
    """Say in a line where two streams part: each holds a thousand records; empty if they do not."""
    if found == wanted:
        return ""
    pairs = enumerate(zip_longest(found, wanted))
    at, (got, want) = next((n, pair) for n, pair in pairs if pair[0] != pair[1])
    return f"{len(found)} of {len(wanted)} records, {got} instead of {want} at {at}"


def resumed(orders: Orders) -> dict[int, int]:
    """Return where the last life went on."""
    found: dict[str, int] = msgspec.json.decode(orders.resumed.read_bytes())
    return {int(partition): offset for partition, offset in found.items()}


def lives(address: LogAddress, folder: Path, seed: int) -> list[Orders]:
    """Draw lives that die in the step, while writing, and around a flush, each at its own pace."""
    rng = np.random.default_rng(seed)
    drawn = []
    for place in rng.permutation(np.array(get_args(Place)))[:3]:
        rare = place.endswith("flush")
        death: dict[str, Any] = {
            "place": str(place),
            "at": int(rng.integers(2, 9) if rare else rng.integers(50, 900)),
            "by": str(rng.choice(["exit", "kill"])),
        }
        drawn.append(
            Orders(
                address,
                str(folder),
                epoch_ms=int(rng.integers(10, 40)),
                poll_records=int(rng.integers(5, 60)),
                pause_ms=float(rng.uniform(2.0, 6.0)),
                death=Death(**death),
            )
        )
    return drawn


@pytest.mark.parametrize("seed", [20140501, 20140502])
def test_killed_at_any_moment_the_output_is_exact(
    address: LogAddress, tmp_path: Path, seed: int
) -> None:
    """No record is lost, doubled or out of order, and commits never ran ahead of the store."""
    fill(address, seed)
    end(address)
    killed = 0
    for orders in lives(address, tmp_path, seed):
        code = live(orders)
        assert code in {0, 9, -signal.SIGKILL}
        killed += code != 0
    last = Orders(address, str(tmp_path), epoch_ms=50, poll_records=4_000, pause_ms=0.0)
    ahead_at_most = committed(address, SOURCE, last.group)
    assert live(last) == 0
    assert killed >= 2
    assert_exact(address)
    went_on = resumed(last)
    assert all(offset <= went_on[p] for p, offset in ahead_at_most.items())


def test_killed_in_the_middle_of_a_replay_the_output_is_exact(
    embedded: LogAddress, tmp_path: Path
) -> None:
    """The log is far ahead of the store, and the second life dies between two of its snapshots."""
    fill(embedded, 3)
    end(embedded)
    address, folder = embedded, str(tmp_path)
    far = Death("before_flush", 1, "kill")
    half = Death("step", 600, "kill")
    for orders in (
        Orders(address, folder, epoch_ms=3_000, poll_records=4_000, pause_ms=0.0, death=far),
        Orders(address, folder, epoch_ms=10, poll_records=20, pause_ms=2.0, death=half),
    ):
        assert live(orders) == -signal.SIGKILL
    assert len(read(embedded, TARGET)) > PER_KEY
    last = Orders(address, folder, epoch_ms=50, poll_records=500, pause_ms=0.0)
    assert live(last) == 0
    assert sum(resumed(last).values()) > 0
    assert_exact(embedded)


def test_stopped_in_order_nothing_is_seen_twice(address: LogAddress, tmp_path: Path) -> None:
    """Exit code 0, every record seen once over all lives, and committed exactly as far as seen."""
    fill(address, 4)
    slow = Orders(address, str(tmp_path), epoch_ms=40, poll_records=30, pause_ms=5.0)
    for share in (0.2, 0.5):
        process = start(slow)
        wait_until(partial(has_seen, slow, share), "its share")
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
        so_far = len(seen(slow))
        assert so_far < len(KEYS) * PER_KEY
        assert sum(committed(address, SOURCE, slow.group).values()) == so_far
        assert not any(record.end for record in read(address, TARGET))
    end(address)
    fast = Orders(address, str(tmp_path), epoch_ms=40, poll_records=4_000, pause_ms=0.0)
    assert live(fast) == 0
    assert sum(resumed(fast).values()) == so_far
    assert max(Counter(seen(fast)).values()) == 1
    assert len(seen(fast)) == len(KEYS) * PER_KEY
    assert_exact(address)


def has_seen(orders: Orders, share: float) -> bool:
    """Say whether the step saw this share of the input."""
    return len(seen(orders)) > share * len(KEYS) * PER_KEY


def seen(orders: Orders) -> list[str]:
    """Return every input that the step saw, over all lives."""
    return orders.seen.read_text().splitlines() if orders.seen.exists() else []
