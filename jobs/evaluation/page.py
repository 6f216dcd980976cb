"""The page of an evaluation: one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from jobs.evaluation import plots
from jobs.evaluation.tables import POOLED

PAGE = "report.html"

TARGET = 0.6
"""Directional accuracy that the plots draw a line at."""

Cell = Mapping[str, Any]

_COLUMNS = (
    ("signals", "n", "{:,}"),
    ("accuracy", "accuracy", "{:.4f}"),
    ("95 % interval", "interval", "{}"),
    ("base rate", "base_rate", "{:.4f}"),
    ("coverage", "coverage", "{:.2%}"),
    ("AUC", "auc", "{:.4f}"),
    ("Brier", "brier", "{:.5f}"),
    ("net pips", "expectancy_pips_net", "{:+.2f}"),
    ("gross pips", "expectancy_pips_gross", "{:+.2f}"),
)

_CSS = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,"DejaVu Sans",sans-serif;color:#1f2933;margin:0;background:#f5f7fa}
main{max-width:1080px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:26px;margin:0 0 2px}h2{font-size:18px;margin:34px 0 8px}
p{max-width:76ch}.sub{color:#616e7c;margin:0 0 18px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px}
.tile,.card{background:#fff;border:1px solid #e4e7eb;border-radius:8px;padding:12px 14px}
.tile b{display:block;font-size:23px;font-variant-numeric:tabular-nums}
.tile span{color:#616e7c;font-size:13px}
.good{color:#1b7f4b}.bad{color:#b3402a}
table{border-collapse:collapse;width:100%;background:#fff;font-size:13.5px;
 font-variant-numeric:tabular-nums}
th,td{padding:5px 9px;border-bottom:1px solid #e4e7eb;text-align:right}
th:first-child,td:first-child{text-align:left}th{color:#616e7c;font-weight:600}
tr.pooled td{font-weight:700;border-top:2px solid #9aa5b1}
.plots{display:flex;flex-wrap:wrap;gap:14px}.plots svg{max-width:100%;height:auto}
.scroll{overflow-x:auto}
"""


def write_page(results: Mapping[str, Cell], details: Mapping[str, Any], out: Path) -> Path:
    """Write ``report.html``; return its path."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / PAGE
    path.write_text(render(results, details), encoding="utf-8")
    return path


def render(results: Mapping[str, Cell], details: Mapping[str, Any]) -> str:
    """Return the page of some figures."""
    pooled = results[POOLED]
    floor = TARGET
    parts = [
        f"<h1>{escape(_headline(pooled))}</h1>",
        f'<p class="sub">{escape(_subtitle(details))}</p>',
        _tiles(pooled, details),
        f"<p>{escape(_verdict(pooled, details))}</p>",
        "<h2>By pair</h2>",
        _table({**{k: v for k, v in results.items() if k != POOLED}, POOLED: pooled}),
        "<h2>What the prices are</h2>",
        f"<p>{escape(_PRICES)}</p>",
        _table(details["breakdown"]["prices"]),
        "<h2>By session and year</h2>",
        _table(details["breakdown"]["session"]),
        _figures(
            plots.accuracy_by(details["breakdown"]["year"], floor, "Accuracy by year"),
            plots.equity(details["net_pips"], details["trials"]["period"], details["tested_from"]),
        ),
        "<h2>How sure, and how often</h2>",
        _figures(plots.coverage(details["curves"], floor), plots.calibration(details["curves"])),
        "<h2>Members alone, at the same coverage</h2>",
        _table(details["members"], more=(("mean weight", "mean_weight", "{:.3f}"),)),
        "<h2>Other thresholds that were tried</h2>",
        _table(details["alternatives"]),
        *_more(details),
        "<h2>What all the trials leave of it</h2>",
        f"<p>{escape(_trials(details['trials']))}</p>",
        "<h2>Procedure</h2>",
        f"<p>{escape(_PROCEDURE)}</p>",
        _folds(details["folds"]),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>AIFX evaluation</title><style>{_CSS}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


_PRICES = (
    "On bars of the bid alone, a close of the rollover (17:00 to 19:00 New York) is neither the "
    "beginning nor the end of a move here: the spread opens and closes there, and the bid follows "
    "it without any move of the mid. On bars of both sides these closes count. The rows below say "
    "what remains without them."
)

_PROCEDURE = (
    "Every model of a test span was trained on bars whose labels were known an embargo before it, "
    "and asked through its ONNX copy. The ensemble is the prediction logic of a run, bar by bar: "
    "online model, rules and weights learn from labels when they become known. The threshold of a "
    "span is the confidence that the given share of the ensemble's own earlier answers reached, if "
    "these met the floor; otherwise nothing is said. Intervals count labels that are open at one "
    "moment once, whichever the pair."
)


def _headline(pooled: Cell) -> str:
    if not pooled["n"]:
        return "No signal: the ensemble never met its floor"
    return f"{pooled['accuracy']:.1%} of {pooled['n']:,} signals were right"


def _subtitle(details: Mapping[str, Any]) -> str:
    names = ", ".join(f"{bar['symbol']} ({bar['prices']})" for bar in details["bars"])
    first, last = details["tested_from"][:10], details["tested_to"][:10]
    return f"{names}; horizon {details['horizon']}; out of sample from {first} to {last}"


def _tiles(pooled: Cell, details: Mapping[str, Any]) -> str:
    without = details["breakdown"]["prices"]["without_rollover"]
    tiles = [
        (_percent(pooled["accuracy"]), "accuracy", ""),
        (_interval(pooled), "95 % interval", ""),
        (_percent(pooled["base_rate"]), "base rate among the signals", ""),
        (_percent(without["accuracy"]), "accuracy without the rollover", ""),
        (
            _format("{:+.2f}", pooled["expectancy_pips_net"]),
            "pips a signal after costs",
            "good" if (pooled["expectancy_pips_net"] or -1) > 0 else "bad",
        ),
        (_format("{:.2%}", pooled["coverage"]), "of the bars have a signal", ""),
    ]
    inner = "".join(
        f'<div class="tile"><b class="{kind}">{escape(value)}</b><span>{escape(name)}</span></div>'
        for value, name, kind in tiles
    )
    return f'<div class="tiles">{inner}</div>'


def _verdict(pooled: Cell, details: Mapping[str, Any]) -> str:
    if not pooled["n"]:
        return "Nothing was emitted, so nothing can be said about its accuracy."
    net = pooled["expectancy_pips_net"]
    beats = pooled["low"] > pooled["base_rate"]
    without = details["breakdown"]["prices"]["without_rollover"]
    words = [
        f"The interval lies {'above' if beats else 'not above'} the base rate.",
        f"Without the rollover {_percent(without['accuracy'])} of {without['n']:,} remain.",
    ]
    if net is not None and net <= 0:
        words.append(
            f"After spread and slippage a signal costs {-net:.2f} pips on average: being right "
            "more often than not is not a profit, and these signals alone should not be traded."
        )
    return " ".join(words)


def _trials(trials: Mapping[str, Any]) -> str:
    deflated, overfit = trials["deflated_sharpe"], trials["overfitting"]
    return (
        f"{trials['trials']} trials over {trials['periods']} {trials['period']}s, by net pips; the "
        f"best was {trials['best']}. Deflated Sharpe ratio: a probability of "
        f"{deflated['probability']:.3f} that the chosen procedure's true Sharpe ratio is above "
        f"that of the best of as many without skill (its own {deflated['sharpe']:.3f} a "
        f"{trials['period']} against {deflated['expected_best']:.3f}). "
        f"Probability of backtest overfitting: {overfit['probability']:.2f} over "
        f"{overfit['combinations']:,} halves of the time."
    )


def _more(details: Mapping[str, Any]) -> list[str]:
    parts: list[str] = []
    if "rolling" in details:
        variants = {
            "all years before (anchored)": details["anchored"],
            "the last years (rolling)": details["rolling"][POOLED],
            **{
                f"horizon of {bars} bars, trees alone": table[POOLED]
                for bars, table in details["horizons"].items()
            },
        }
        parts += ["<h2>Other ways to train, other horizons</h2>", _table(variants)]
    if "combinatorial" in details:
        paths = details["combinatorial"]["paths"]
        named = {f"path {number}": path for number, path in enumerate(paths, start=1)}
        parts += ["<h2>Combinatorial purged cross-validation, boosted trees</h2>", _table(named)]
    if "importance" in details:
        found = details["importance"]
        stable = found["stability"]
        top = 15
        words = (
            f"Rank correlation between folds {stable['rank_correlation']:.2f}; of the ten most "
            f"important features of two folds {stable['top_overlap']:.0%} are the same."
        )
        parts += [
            "<h2>What the boosted trees look at</h2>",
            f"<p>{escape(words)}</p>",
            _figures(
                plots.bars(
                    found["features"][:top],
                    found["mean_loss"][:top],
                    found["deviation"][:top],
                    "Permutation importance, mean of the folds",
                )
            ),
        ]
    return parts


def _folds(folds: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{fold['from']}</td><td>{fold['train_rows']:,}</td><td>{fold['test_rows']:,}</td>"
        f"<td>{_format('{:.3f}', fold['threshold'])}</td></tr>"
        for fold in folds
    )
    head = (
        "<tr><th>test from</th><th>rows to train</th><th>rows to test</th><th>threshold</th></tr>"
    )
    return f'<div class="scroll"><table>{head}{rows}</table></div>'


def _table(cells: Mapping[str, Cell], more: tuple[tuple[str, str, str], ...] = ()) -> str:
    columns = (*_COLUMNS, *more)
    head = "<th></th>" + "".join(f"<th>{escape(name)}</th>" for name, _, _ in columns)
    rows = []
    for name, cell in cells.items():
        shown = {**cell, "interval": _interval(cell)}
        values = "".join(
            f"<td>{escape(_format(form, shown[key]))}</td>" for _, key, form in columns
        )
        kind = ' class="pooled"' if name == POOLED else ""
        rows.append(f"<tr{kind}><td>{escape(name.replace('_', ' '))}</td>{values}</tr>")
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _figures(*drawings: str) -> str:
    return f'<div class="plots">{"".join(f"<div class=card>{one}</div>" for one in drawings)}</div>'


def _interval(cell: Cell) -> str:
    return "-" if cell["low"] is None else f"{cell['low']:.3f} to {cell['high']:.3f}"


def _percent(value: float | None) -> str:
    return _format("{:.1%}", value)


def _format(form: str, value: Any) -> str:
    return "-" if value is None else form.format(value)
