"""Does a feature see the future? Play a tape whole and cut short, through the same graph as live.

What the cut tape says of a minute, the whole one must say too, bit for bit: what came later cannot
have been known. This is the detector of `models.evaluation.leaks.lookahead` for the features that
the platform itself computes, from ticks on.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from config import settings as config
from config.plan import AnyFeed, Plan, RecordedPlan
from config.settings import Settings
from dataflows.context import Context, open_feed
from dataflows.fused import build_history
from domain.errors import BadUse
from domain.instruments import DEFAULT_SYMBOLS
from domain.log import LogAddress
from domain.nanos import HOUR_NS, MINUTE_NS, floor_ns
from domain.ticks import Kind
from features.spec import FEATURE_NAMES, SCHEMA
from jobs import feeds
from models.registry.manifest import Manifest
from operators import engine
from operators.decide import Considered
from operators.meter import Meter
from sources.feed import TickFeed
from sources.quiesce import Quiesce

Rows = Mapping[tuple[str, int], NDArray[np.float64]]
"""Features by symbol and close of the minute."""

Play = Callable[[AnyFeed], Rows]

CUTS = 3
"""Places at which a tape is cut. Each costs one more play of what stands before it."""

_SYMBOLS = 3
"""On a simulated tape: features across pairs need other pairs."""

_SIMULATED_NS = 12 * HOUR_NS
"""Length of a simulated tape: every feature is warm well before the last cut."""

_EPOCH_MS = 60_000
"""A play keeps no state: snapshots would only cost."""


def played(settings: Settings) -> Play:
    """Return what plays a feed through quality, bars and features, and keeps every minute."""

    def play(feed: AnyFeed) -> Rows:
        found: dict[tuple[str, int], NDArray[np.float64]] = {}

        def take(item: Considered) -> None:
            rows = item.joined.rows
            for close_ns, values in zip(
                rows.bars["ts_event_ns"].tolist(), rows.values, strict=True
            ):
                found[item.symbol, close_ns] = values.copy()

        plan = Plan("lookahead", "", "", LogAddress("", "", 1), feed, "", None, (), {})
        clock = time.time_ns  # noqa: TID251 - the edge: stamps that no feature reads
        context = Context(plan, settings, Quiesce(), Meter("lookahead", clock), clock)
        engine.run(build_history(context, ("1m",), lambda _: None, take), _EPOCH_MS, None)
        return found

    return play


def changed_features(play: Play, feed: RecordedPlan, cuts_ns: Sequence[int]) -> list[str]:
    """Return the names of the features that change when the tape is cut.

    Parameters
    ----------
    play
        Computes the features of a feed.
    feed
        The whole tape.
    cuts_ns
        Event times within it, whole minutes.

    Raises
    ------
    BadUse
        If there is no minute before a cut, or a feature is never ready there: what was not seen
        was not compared.
    """
    whole = play(feed)
    changed = np.zeros(len(FEATURE_NAMES), dtype=np.bool_)
    seen = changed.copy()
    for cut_ns in cuts_ns:
        part = play(RecordedPlan(feed.symbols, feed.path, feed.from_ns, cut_ns))
        if not part:
            msg = "no minute stands before the cut: give a longer tape"
            raise BadUse(msg)
        for key, values in part.items():
            seen |= ~np.isnan(values)
            later = whole.get(key)
            if later is None:
                changed[:] = True  # the future has taken a whole minute away
            else:
                changed |= ~((values == later) | (np.isnan(values) & np.isnan(later)))
    if not seen.all():
        msg = f"{int((~seen).sum())} features are never ready before a cut: give a longer tape"
        raise BadUse(msg)
    return [name for name, leaks in zip(FEATURE_NAMES, changed, strict=True) if leaks]


def detector(
    ticks: Path, symbols: str, from_text: str | None, to_text: str | None, config_file: Path | None
) -> Callable[[Manifest], list[str]]:
    """Return the detector for artefacts that read the platform's own features.

    Parameters
    ----------
    ticks
        Recorded ticks, file or folder.
    symbols
        Comma-separated; empty takes all.
    from_text, to_text
        ISO 8601 times (UTC) between which the tape is played.
    config_file
        Settings, as a run has them.

    Raises
    ------
    BadUse
        If the tape cannot be played; when it looks, if the artefact reads another schema.
    """
    names = [part.strip() for part in symbols.split(",") if part.strip()]
    choice = feeds.choose(ticks, names, from_text, to_text, 0, 0)
    feed = choice.feed
    if not isinstance(feed, RecordedPlan) or choice.last_ns is None:
        msg = "to look for look-ahead the tape needs an end: give --to TIME"
        raise BadUse(msg)
    tape: RecordedPlan = feed
    cuts_ns = _cuts(choice.first_ns, choice.last_ns)
    play = played(config.load(config_file))

    def look(manifest: Manifest) -> list[str]:
        _require_schema(manifest)
        return changed_features(play, tape, cuts_ns)

    return look


def simulated_detector(config_file: Path | None) -> Callable[[Manifest], list[str]]:
    """Return the detector for artefacts of simulated feeds: it plays a tape of the simulator.

    The tape is the first hours of the default day, of a symbol of the artefact and two others.
    Which prices it holds does not matter: looked at is how the platform computes.

    Parameters
    ----------
    config_file
        Settings, as a run has them.

    Raises
    ------
    BadUse
        When it looks: as `detector`.
    """
    settings = config.load(config_file)

    def look(manifest: Manifest) -> list[str]:
        _require_schema(manifest)
        names = list(dict.fromkeys([*manifest.symbols[:1], *DEFAULT_SYMBOLS]))[:_SYMBOLS]
        choice = feeds.choose(None, names, None, None, feeds.DEFAULT_SEED, 0)
        end_ns = choice.first_ns + _SIMULATED_NS
        with tempfile.TemporaryDirectory(prefix="aifx-tape-") as folder:
            path = Path(folder) / "ticks.parquet"
            _write_ticks(open_feed(choice.feed), end_ns, path)
            tape = RecordedPlan(choice.feed.symbols, str(path), None, end_ns)
            return changed_features(played(settings), tape, _cuts(choice.first_ns, end_ns))

    return look


def _write_ticks(feed: TickFeed, end_ns: int, path: Path) -> None:
    """Write the ticks of a feed that were received before a time, in their order."""
    parts = []
    for batch in feed.batches():
        part = batch[(batch["kind"] == Kind.TICK) & (batch["ts_recv_ns"] < end_ns)]
        parts.append(part)
        if part.size < batch.size:
            break
    found = np.concatenate(parts)
    stamp = pa.timestamp("ns", "UTC")
    pq.write_table(
        pa.table(
            {
                "symbol": found["symbol"].astype(str),
                "ts": pa.array(found["ts_event_ns"], stamp),
                "ts_recv": pa.array(found["ts_recv_ns"], stamp),
                "bid": found["bid"],
                "ask": found["ask"],
            }
        ),
        path,
    )


def _cuts(first_ns: int, end_ns: int) -> list[int]:
    step_ns = (end_ns - first_ns) // (CUTS + 1)
    return [floor_ns(first_ns + step_ns * (k + 1), MINUTE_NS) for k in range(CUTS)]


def _require_schema(manifest: Manifest) -> None:
    if manifest.feature_schema != SCHEMA:
        msg = (
            f"the artefact reads feature schema {manifest.feature_schema}, this version computes "
            f"{SCHEMA}"
        )
        raise BadUse(msg)
