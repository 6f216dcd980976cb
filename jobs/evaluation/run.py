"""``aifx evaluate``: from files of bars to figures, a page, and what a sceptic would ask next."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.nanos import DAY_NS, from_ns
from jobs.evaluation import overfitting, tables
from jobs.evaluation.lineup import Lineup, default_lineup
from jobs.evaluation.replay import Answers, gated, replay
from jobs.evaluation.selection import Selected, SelectionConfig, select
from jobs.evaluation.tape import Tape, TapeConfig, make_tape
from jobs.evaluation.walk import Fold, spans, train_folds
from models.accuracy_gate import AccuracyGate
from sources.recorded_bars import RecordedBars

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Say = Callable[[str], object]

RESULTS = "results.json"
DETAILS = "details.json"

_MIN_FOLDS = 4
_OTHER_COVERAGES = (0.05, 0.02, 0.01, 0.005, 0.003)
_OTHER_FLOORS = (0.5, 0.58, 0.6)


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """One fixed procedure; every field is in the details that it writes.

    Parameters
    ----------
    tape, selection
        See there.
    first_days, test_days
        Days of labels before the first test, and length of a test (> 0). On a shorter tape both
        shrink, so that there are at least four tests.
    embargo_days
        Least time between the last training label and a test (>= 0).
    rolling_days
        How far back the models of the rolling variant look (> 0).
    min_accuracy, min_signals
        The gate: below this measured accuracy, after so many signals, a symbol does not trade.
    other_horizons
        Further horizons in bars, each evaluated with the trees alone.
    quick
        Only the table: no rolling variant, no other horizon, no cross-validation, no importance.
    """

    tape: TapeConfig = field(default_factory=TapeConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    first_days: int = 730
    test_days: int = 365
    embargo_days: int = 1
    rolling_days: int = 1_461
    min_accuracy: float = 0.55
    min_signals: int = 100
    other_horizons: tuple[int, ...] = (2, 4)
    quick: bool = False


class Evaluated(NamedTuple):
    """One walk through the tape.

    Attributes
    ----------
    tape, folds, answers, selected
        See there.
    signal
        Which answers were emitted: selected, and let through by the gate.
    tested
        Which rows lie in a test.
    """

    tape: Tape
    folds: list[Fold]
    answers: Answers
    selected: Selected
    signal: Mask
    tested: Mask


def evaluate(
    bars: Sequence[RecordedBars],
    config: EvaluationConfig,
    say: Say,
    lineup: Lineup | None = None,
) -> dict[str, Any]:
    """Evaluate an ensemble on bars, and return everything that is reported.

    Parameters
    ----------
    bars
        One file of each pair, all of one length.
    config
        The procedure.
    say
        Takes one line of progress at a time.
    lineup
        Who takes part; None: the default ensemble.

    Returns
    -------
    dict
        ``results``: figures by symbol and ``pooled``. ``details``: all the rest; ready for JSON.
    """
    started = time.monotonic()
    lineup = lineup or default_lineup()
    tape = make_tape(bars, config.tape)
    main, found = evaluate_tape(tape, config, lineup, say)
    if not config.quick:
        found["details"] |= _more(main, bars, config, lineup, say)
    found["details"]["seconds"] = round(time.monotonic() - started, 1)
    return found


def evaluate_tape(
    tape: Tape, config: EvaluationConfig, lineup: Lineup, say: Say
) -> tuple[Evaluated, dict[str, Any]]:
    """Walk once through a tape; return the walk, and what `evaluate` returns without the rest."""
    say(f"{len(tape.data.ts_ns):,} bars of {', '.join(tape.data.symbols)}, {_span(tape)}")
    main = walk(tape, lineup, config, None, say)
    results = tables.by_symbol(tape, main.answers.p_up, main.signal, main.tested)
    details = _details(main, config, lineup, results)
    return main, {"results": results, "details": details}


def walk(
    tape: Tape,
    lineup: Lineup,
    config: EvaluationConfig,
    train_ns: int | None,
    say: Say,
) -> Evaluated:
    """Train, ask, select and gate over one tape."""
    starts = spans(tape, *_days(tape, config))
    embargo_ns = config.embargo_days * DAY_NS
    folds = train_folds(tape, lineup.learners, starts, embargo_ns, train_ns, say)
    online, rules = lineup.stream(tape)
    answers = replay(tape, folds, online, rules, lineup.ensemble, say)
    tested = tape.data.ts_ns >= int(starts[0])
    selected = select(tape, starts, answers.p_up, answers.agrees, config.selection, embargo_ns)
    gate = AccuracyGate(tape.rule, config.min_accuracy, config.min_signals)
    signal = gated(tape, gate, answers.p_up, selected.signal)
    return Evaluated(tape, folds, answers, selected, signal, tested)


def write(found: Mapping[str, Any], out: Path) -> tuple[Path, Path]:
    """Write ``results.json`` and ``details.json``; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, part in ((RESULTS, found["results"]), (DETAILS, found["details"])):
        path = out / name
        path.write_bytes(msgspec.json.format(msgspec.json.encode(part), indent=2) + b"\n")
        paths.append(path)
    return paths[0], paths[1]


def _details(
    main: Evaluated, config: EvaluationConfig, lineup: Lineup, results: Mapping[str, Any]
) -> dict[str, Any]:
    tape, answers = main.tape, main.answers
    pooled = results[tables.POOLED]
    before_gate = tables.by_symbol(tape, answers.p_up, main.selected.signal, main.tested)
    curves = tables.curves(tape, answers.p_up, main.tested)
    alternatives, chosen = _alternatives(main, config.embargo_days * DAY_NS)
    return {
        "config": asdict(config),
        "lineup": lineup.words(),
        "bars": list(tape.sources),
        "tested_from": from_ns(main.folds[0].start_ns).isoformat(),
        "tested_to": from_ns(int(tape.data.ts_ns.max())).isoformat(),
        "horizon": _words(tape.rule.horizon_ns),
        "folds": [
            {
                "from": from_ns(fold.start_ns).date().isoformat(),
                "train_rows": int(fold.split.train.size),
                "test_rows": int(fold.split.test.size),
                "threshold": threshold,
                "models": fold.facts,
            }
            for fold, threshold in zip(main.folds, main.selected.thresholds, strict=True)
        ],
        "before_gate": before_gate[tables.POOLED],
        "members": tables.by_member(tape, answers, main.tested, float(pooled["coverage"] or 0.0)),
        "breakdown": tables.breakdown(tape, answers.p_up, main.signal, main.tested),
        "curves": curves,
        "best_point": _best_point(curves),
        "anchored": pooled,
        "net_pips": overfitting.returns(tape, answers.p_up, main.signal, main.tested).tolist(),
        "events": answers.events,
        "alternatives": alternatives,
        "trials": overfitting.trials(tape, answers, main.signal, chosen, main.tested),
    }


def _alternatives(main: Evaluated, embargo_ns: int) -> tuple[dict[str, Any], dict[str, Mask]]:
    """Return what other thresholds would have given, and their signals: they were tried as well."""
    tape, answers = main.tape, main.answers
    starts = np.array([fold.start_ns for fold in main.folds], dtype=np.int64)
    signals = {
        f"coverage {coverage:g}, floor {floor:g}": select(
            tape,
            starts,
            answers.p_up,
            answers.agrees,
            SelectionConfig(coverage, floor),
            embargo_ns,
        ).signal
        for coverage in _OTHER_COVERAGES
        for floor in _OTHER_FLOORS
    }
    table = {
        name: tables.by_symbol(tape, answers.p_up, signal, main.tested)[tables.POOLED]
        for name, signal in signals.items()
    }
    return table, signals


def _more(
    main: Evaluated,
    bars: Sequence[RecordedBars],
    config: EvaluationConfig,
    lineup: Lineup,
    say: Say,
) -> dict[str, Any]:
    tape, embargo_ns = main.tape, config.embargo_days * DAY_NS
    say("rolling: the same with the last years alone")
    rolling = walk(tape, lineup, config, config.rolling_days * DAY_NS, say)
    found: dict[str, Any] = {
        "rolling": tables.by_symbol(tape, rolling.answers.p_up, rolling.signal, rolling.tested),
        "horizons": {},
    }
    trees = lineup.trees()
    for horizon in config.other_horizons:
        say(f"horizon of {horizon} bars, trees alone")
        other = make_tape(bars, replace(config.tape, horizon_bars=horizon))
        walked = walk(other, trees, config, None, say)
        found["horizons"][str(horizon)] = tables.by_symbol(
            other, walked.answers.p_up, walked.signal, walked.tested
        )
    coverage = 0.01
    (learner,) = trees.learners[:1]
    say("combinatorial purged cross-validation")
    found["combinatorial"] = {
        "coverage": coverage,
        **overfitting.combinatorial(tape, learner, embargo_ns, coverage, say),
    }
    say("importance of the features")
    pairs = [(fold.models[learner.kind], fold.split.test) for fold in main.folds]
    found["importance"] = overfitting.importance(tape, pairs)
    return found


def _best_point(curves: Mapping[str, Any]) -> dict[str, Any]:
    """Return the point with the highest lower bound of accuracy on each curve."""
    best: dict[str, Any] = {}
    for name, curve in curves.items():
        if curve:
            points = curve["coverage"]
            at = int(np.argmax(points["low"]))
            best[name] = {key: values[at] for key, values in points.items()}
    return best


def _days(tape: Tape, config: EvaluationConfig) -> tuple[int, int]:
    """Return the days before the first test and of a test, smaller on a short tape."""
    ts = tape.data.ts_ns[tape.labels.end_ns > 0]
    if not ts.size:
        msg = "no bar has an outcome: are there gaps of the length of a bar everywhere?"
        raise BadUse(msg)
    days = int(ts.max() - ts.min()) // DAY_NS
    first = min(config.first_days, max(1, days * 2 // 5))
    return first, max(1, min(config.test_days, (days - first) // _MIN_FOLDS))


def _words(span_ns: int) -> str:
    hours = span_ns / 3.6e12
    return f"{hours:g} h" if hours >= 1 else f"{hours * 60:g} min"


def _span(tape: Tape) -> str:
    first, last = int(tape.data.ts_ns.min()), int(tape.data.ts_ns.max())
    return f"{from_ns(first).date()} to {from_ns(last).date()}"
