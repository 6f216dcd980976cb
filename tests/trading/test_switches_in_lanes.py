"""Switches among the ticks of an account: marks, orders and fills are what they would be."""

from pathlib import Path

import numpy as np
import pytest

from domain.switch_records import switch_record
from domain.ticks import TickBatch
from testkit.switches import a_switch, strewn
from tests.trading.tape import Desk, Event, story, streams
from tests.trading.test_engine_determinism import CONFIG, in_order, make_log

SWITCHES = [a_switch(number) for number in range(3)]


def _with_switches(events: list[Event], seed: int) -> list[Event]:
    """Put switches into every third batch, before its first record too, and between batches."""
    rng = np.random.default_rng(seed)
    out: list[Event] = []
    for event in events:
        if isinstance(event, TickBatch) and rng.random() < 0.3:
            mixed, _ = strewn(event.records, SWITCHES, int(rng.integers(10**6)))
            alone, _ = strewn(event.records[:0], SWITCHES, 0)
            out += [TickBatch(event.symbol, alone), event._replace(records=mixed)]
        else:
            out.append(event)
    return out


@pytest.mark.parametrize("seed", [3, 4])
def test_an_account_passes_switches_over(seed: int, tmp_path: Path) -> None:
    """Every stream of what happens and both stores are the same; also from a snapshot on."""
    events = list(in_order(make_log(seed, 150)))
    plain = Desk(CONFIG, tmp_path / "plain")
    plain.feed(events)
    desk = Desk(CONFIG, tmp_path / "switches")
    mixed = _with_switches(events, seed)
    # The first record of all is a switch: no clock may begin with it.
    first = TickBatch(CONFIG.symbols[0], switch_record(SWITCHES[0], 0))
    desk.feed([first, *mixed[: len(mixed) // 2]])
    snapshot = desk.logic.snapshot()
    desk.stop()
    desk.start(snapshot)
    desk.feed(mixed[len(mixed) // 2 :])
    assert streams(desk.out) == streams(plain.out)
    assert desk.books() == plain.books()
    assert len(story(plain.out)) > 5
    plain.stop()
    desk.stop()
