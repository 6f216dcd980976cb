"""Stored state: snapshots of every version so far are read for good, others are refused."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import BadUse, Corrupt
from tests.trading.tape import Desk, Event, Sides, account, read, story, with_signals
from trading.engine import ExecutionLogic
from trading.snapshots import SNAPSHOT_VERSION

CONFIG = account("EURUSD", "USDJPY")
GOLDEN = {v: Path(__file__).parent / "golden" / f"execution_v{v}.txt" for v in (4,)}
TAPE = """
    00:00:30.000 EURUSD 1.09990 1.10010
    00:00:30.000 USDJPY 149.990 150.010
    00:01:00.000 EURUSD 1.09990 1.10010
    00:01:01.000 EURUSD 1.10000 1.10020
    00:01:02.600 *
    00:02:00.000 USDJPY 149.900 149.920
    00:02:00.000 EURUSD 1.10100 1.10120
    00:02:01.000 EURUSD 1.10120 1.10140
    00:02:10.600 *
    00:03:00.000 EURUSD 1.10120 1.10140
    00:03:00.000 USDJPY 149.990 150.010
"""
SIDES: Sides = {
    ("EURUSD", "00:01"): "buy",
    ("EURUSD", "00:02"): "flat",
    ("USDJPY", "00:03"): "sell",
}
EARLY = [*range(9), 10, 11, 14, 17, 16]
"""Events before the golden snapshot: USDJPY waits for its signal of 00:02 with records behind it,
EURUSD has a signal ahead of its records and a closing order in flight."""
LATE = [9, 12, 13, 15, 18]


def events(which: list[int]) -> list[Event]:
    """Return some events of the tape."""
    log = with_signals(read(TAPE, CONFIG.symbols), SIDES, CONFIG)
    assert len(log) == len(EARLY) + len(LATE)
    return [log[i] for i in which]


def until_golden(folder: Path) -> Desk:
    """Trade up to the golden snapshot."""
    desk = Desk(CONFIG, folder)
    desk.feed(events(EARLY))
    return desk


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=lambda path: path.stem)
def test_a_stored_snapshot_goes_on(golden: Path, tmp_path: Path) -> None:
    """The golden mapping restores into a logic that ends the run as if it had never stopped."""
    desk = until_golden(tmp_path / "resumed")
    desk.stop()
    desk.start(ast.literal_eval(golden.read_text()))
    rest = desk.feed(events(LATE))
    desk.stop()
    plain = until_golden(tmp_path / "plain")
    assert plain.feed(events(LATE)) == rest
    assert [line for line in story(rest) if "filled" in line or "pending" in line] == [
        "EURUSD sell 18181 filled",
        "USDJPY sell 20003 pending_new",
    ]
    plain.stop()


def test_the_snapshot_of_today_is_the_stored_one(tmp_path: Path) -> None:
    """A change of the layout calls for a new version, not for a new golden file."""
    desk = until_golden(tmp_path)
    assert desk.logic.snapshot() == ast.literal_eval(GOLDEN[SNAPSHOT_VERSION].read_text())
    lanes = {lane["symbol"]: lane for lane in desk.logic.snapshot()["lanes"]}
    assert lanes["EURUSD"]["sell_units"] == "18181"
    assert lanes["EURUSD"]["signals"]
    assert lanes["USDJPY"]["waiting"]
    assert lanes["USDJPY"]["records"]


def test_a_snapshot_is_plain(tmp_path: Path) -> None:
    """Numbers, strings, bytes, lists and mappings: nothing that needs our code to be read."""

    def check(value: object) -> None:
        if isinstance(value, dict):
            assert all(type(key) is str for key in value)
            for item in value.values():
                check(item)
        elif isinstance(value, list | tuple):
            for item in value:
                check(item)
        else:
            assert type(value) in {int, float, str, bytes, bool, type(None)}

    snapshot = until_golden(tmp_path).logic.snapshot()
    assert snapshot["v"] == SNAPSHOT_VERSION
    check(snapshot)


@pytest.mark.parametrize("change", [{"v": 3}, {"v": 5}, {"lanes": 5}, {"more": 1}])
def test_another_layout_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """State that is not understood whole is not used."""
    desk = until_golden(tmp_path)
    snapshot = desk.logic.snapshot() | change
    desk.stop()
    with pytest.raises(Corrupt, match="execution snapshot"):
        desk.start(snapshot)


def test_another_accounts_snapshot_is_refused(tmp_path: Path) -> None:
    """A run does not go on under another account or other symbols."""
    desk = until_golden(tmp_path)
    snapshot = desk.logic.snapshot()
    for config in (replace(CONFIG, account="b"), replace(CONFIG, symbols=("EURUSD",))):
        with pytest.raises(BadUse, match="start a new run"):
            ExecutionLogic(config, snapshot, desk.journal, desk.counterparty)
