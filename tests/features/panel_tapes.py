"""News of several pairs: random closes, cut into inputs and mixed in any order that can happen."""

from collections.abc import Iterable, Sequence

import numpy as np

from domain.bars import FOR_EVER
from domain.instruments import instrument
from domain.nanos import MINUTE_NS, parse_ns
from features.panel import PanelConfig, PanelInput, PanelLogic, PanelRows

FRIDAY = parse_ns("2024-03-08T21:30")
"""Half an hour before the week ends; it begins again on Sunday at 21:00."""
SUNDAY = parse_ns("2024-03-10T21:00")

Closes = dict[str, dict[int, float]]
"""By pair and end of the minute; see `tests.features.slow_panel`."""


def open_ends(count: int) -> list[int]:
    """Return the ends of so many minutes of the open market, half an hour before a weekend on."""
    before = [FRIDAY + at * MINUTE_NS for at in range(1, 31)]
    return (before + [SUNDAY + at * MINUTE_NS for at in range(1, count)])[:count]


def random_closes(
    symbols: Sequence[str], ends: Sequence[int], seed: int, gaps: float = 0.2
) -> Closes:
    """Draw a walk of each pair; a share of its minutes has no bar."""
    rng = np.random.default_rng(seed)
    closes: Closes = {}
    for symbol in symbols:
        digits = instrument(symbol).display_precision
        points = 120_000 + np.cumsum(rng.integers(-20, 21, len(ends)))
        there = rng.random(len(ends)) >= gaps
        closes[symbol] = {
            end: round(int(point) * 10.0**-digits, digits)
            for end, point, has in zip(ends, points, there, strict=True)
            if has
        }
    return closes


def news(symbol: str, closes: dict[int, float], passed: Iterable[int]) -> list[PanelInput]:
    """Cut the bars of one pair into inputs, one for each time that it has passed."""
    found, before = [], -1
    for passed_ns in passed:
        ends = [end for end in closes if before < end <= passed_ns]
        found.append(
            PanelInput(
                symbol,
                np.array(ends, dtype=np.int64),
                np.array([closes[end] for end in ends]),
                passed_ns,
            )
        )
        before = passed_ns
    return found


def whole_news(closes: Closes, last: int, *, ends: bool = False) -> list[PanelInput]:
    """Return all news at once, pair by pair, until a minute or until every log has ended."""
    return [
        one
        for symbol, bars in closes.items()
        for one in news(symbol, bars, [FOR_EVER if ends else last])
    ]


def panel(symbols: Sequence[str], inputs: Iterable[Sequence[PanelInput]]) -> PanelRows:
    """Give batches of inputs to a new panel; return all of its rows."""
    return run(PanelConfig(tuple(symbols)).build(None), inputs)


def run(logic: PanelLogic, inputs: Iterable[Sequence[PanelInput]]) -> PanelRows:
    """Give batches of inputs to a panel; return all rows."""
    found = [rows for batch in inputs if (rows := logic.on_inputs(batch)) is not None]
    return concatenated(found)


def concatenated(parts: Sequence[PanelRows]) -> PanelRows:
    """Put rows one after the other."""
    assert parts
    ts_ns = np.concatenate([rows.ts_ns for rows in parts])
    values = np.concatenate([rows.values for rows in parts])
    return PanelRows(ts_ns, values, parts[-1].complete_ns)
