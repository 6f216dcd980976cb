"""A market with an edge, models that see it or see the opposite, and a registry for both.

Prices go one way for a while, then the other: who follows the last five minutes is mostly right.
"""

from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from config.settings import Settings, settings_of
from dataflows.context import open_models
from domain.deployments import ModelSwitch, Stage
from domain.instruments import instrument
from domain.nanos import DAY_NS, MINUTE_NS, SECOND_NS, parse_ns
from features.spec import FEATURE_NAMES, SCHEMA
from jobs import feeds, switches
from jobs.backtest import backtest
from jobs.collected import Collected
from jobs.report import Report
from models.registry.acts import approve, promote, record_validation, register
from models.registry.artefact import save
from models.registry.ledger import Entry, history
from models.registry.stages import deployments
from models.registry.store import FolderStore, ModelStore
from tests.models.registry.made import logistic, manifest_of, passed_report

SYMBOLS = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
START_NS = parse_ns("2024-03-05T08:00")
MINUTES = 420
HORIZON_NS = 5 * MINUTE_NS
WARM_UP_MINUTES = 121
ALONE = {f"{role}_weight": 0 for role in ("online", "rules", "forest", "lstm")}
"""Settings of a run in which the model of one slot decides."""

_TICK_NS = 5 * SECOND_NS
_LEG_MINUTES = 40
_CLOCK = count(1)


def minute(number: int) -> int:
    """Return the event time of a minute of the tape, nanoseconds UTC."""
    return START_NS + number * MINUTE_NS


def write_tape(path: Path, *, edge: bool = True, minutes: int = MINUTES) -> Path:
    """Write some hours of four pairs; without an edge they are random walks."""
    per_minute = MINUTE_NS // _TICK_NS
    rows = minutes * per_minute
    parts: dict[str, list[Any]] = {name: [] for name in ("symbol", "ts", "bid", "ask")}
    for number, symbol in enumerate(SYMBOLS):
        rng = np.random.default_rng([20240305, number])
        digits = instrument(symbol).display_precision
        leg = (np.arange(rows) // per_minute + 9 * number) // _LEG_MINUTES
        drift = np.where(leg % 2 == 0, 1.0, -1.0) if edge else np.zeros(rows)
        points = np.round(130_000 + np.cumsum(drift + rng.normal(0.0, 2.5, rows)))
        parts["symbol"].append(np.full(rows, symbol))
        jitter_ns = rng.integers(0, SECOND_NS, rows)
        parts["ts"].append(START_NS + np.arange(rows) * _TICK_NS + number * 1_000 + jitter_ns)
        parts["bid"].append(np.round(points * 10.0**-digits, digits))
        parts["ask"].append(np.round((points + 8) * 10.0**-digits, digits))
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    order = np.argsort(columns["ts"], kind="stable")
    table = {name: values[order] for name, values in columns.items()}
    pq.write_table(pa.table(table | {"ts": pa.array(table["ts"], pa.timestamp("ns", "UTC"))}), path)
    return path


class Registry:
    """The models of recorded feeds in a data folder, or in another place."""

    def __init__(self, data: Path, store: ModelStore | None = None) -> None:
        self.folder = data / "models" / "recorded"
        self.store = FolderStore(self.folder) if store is None else store

    @property
    def entries(self) -> list[Entry]:
        """Every line of the ledger."""
        return history(self.store)

    def model(self, slope: float) -> str:
        """Make a candidate whose logit is ``slope`` for each basis point of five minutes."""
        weights = np.zeros(len(FEATURE_NAMES))
        weights[FEATURE_NAMES.index("return_5")] = slope
        graph = logistic(weights)
        manifest = manifest_of(
            graph,
            feature_schema=SCHEMA,
            feature_names=FEATURE_NAMES,
            horizon_ns=HORIZON_NS,
            label={"rule": "sign", "horizon_ns": HORIZON_NS, "id": "label-1"},
            data_first_ns=START_NS - 2 * DAY_NS,
            data_last_ns=START_NS - DAY_NS,
            symbols=SYMBOLS,
        )
        artefact_id = save(self.store, manifest, graph).artefact_id
        register(self.store, artefact_id, next(_CLOCK), "Ada", "made by hand")
        return artefact_id

    def validated(self, artefact_id: str) -> None:
        """Let a candidate pass its gates, and approve it."""
        report = passed_report(self.store, artefact_id)
        record_validation(self.store, artefact_id, report, next(_CLOCK), "Ada", "it has passed")
        approve(self.store, artefact_id, next(_CLOCK), "Grace", "I have read the report")

    def promoted(
        self,
        artefact_id: str,
        *stages: Stage,
        effective_ns: int | None = None,
        share: float = 1.0,
    ) -> None:
        """Take a validated one through some stages, all from one time on."""
        for stage in stages:
            promote(
                self.store,
                artefact_id,
                stage,
                next(_CLOCK) if effective_ns is None else effective_ns,
                "Ada",
                "on it goes",
                share=share if stage is Stage.CANARY else 1.0,
                effective_ns=effective_ns,
            )

    def champion(self, slope: float, effective_ns: int | None = None) -> str:
        """Make a model and take it all the way."""
        artefact_id = self.model(slope)
        self.validated(artefact_id)
        stages = (Stage.SHADOW, Stage.CANARY, Stage.CHAMPION)
        self.promoted(artefact_id, *stages, effective_ns=effective_ns)
        return artefact_id

    def golden(self, artefact_id: str) -> str:
        """Return the hash of its golden answers when it was last promoted."""
        return next(
            line.golden_sha256
            for line in reversed(self.entries)
            if line.artefact_id == artefact_id and line.golden_sha256
        )

    def damage(self, artefact_id: str) -> None:
        """Change a byte of its graph on disk."""
        path = self.folder / artefact_id / "model.onnx"
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        path.write_bytes(raw)


class Told(NamedTuple):
    """What a run was told of models: who was there at its beginning, and who came then."""

    begun: tuple[ModelSwitch, ...]
    switches: tuple[ModelSwitch, ...]


class Replayed:
    """What a backtest hands over."""

    def __init__(self, collected: Collected, report: Report) -> None:
        self.report = report
        self.events = collected.model_events
        self.collected = collected
        self.signals = sorted(collected.signals, key=lambda one: (one.ts_event_ns, one.symbol))

    def voters(self, symbol: str, slot: str = "xgboost") -> dict[int, str]:
        """Return whose vote of a slot stands in each signal of a symbol, by boundary."""
        return {
            signal.ts_event_ns: vote.model_id
            for signal in self.signals
            if signal.symbol == symbol
            for vote in signal.votes
            if vote.role == slot
        }


def settings(**models: Any) -> Settings:
    """Return settings in which models have these values."""
    return settings_of({"models": models})


def replay(tape: Path, data: Path, chosen: Settings, told: Told | None = None) -> Replayed:
    """Play the tape with what the ledger says, or with what a run was told."""
    choice = feeds.choose(tape, [], None, None, 0, 1)
    store = open_models(chosen, str(data), simulated=False)
    if told is None:
        entries = history(store)
        begun = deployments(entries, SCHEMA, HORIZON_NS, choice.first_ns, with_before=True)
        known = switches.of_span(store, chosen, choice.first_ns, choice.last_ns, print)
        told = Told(begun, known)
    kept: list[Collected] = []
    report = backtest(choice, chosen, data, told.begun, inspect=kept.append, switches=told.switches)
    return Replayed(kept[0], report)
