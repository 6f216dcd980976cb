"""Figures and codes in words: what a page, a terminal or a log line says about a run."""

import re
from collections.abc import Mapping
from typing import Any

from domain.deployments import ModelEvent
from domain.nanos import MS_NS, iso

REASONS: Mapping[str, str] = {
    "edge": "edge, members agree",
    "hold": "last edge still holds",
    "horizon_passed": "last edge has expired",
    "no_edge": "close to one half",
    "no_agreement": "edge, members disagree",
    "accuracy_below_floor": "accuracy below floor",
    "features_not_ready": "features not warm",
    "model_not_ready": "too few answers",
    "no_bar": "minute without a tick",
    "no_quote": "no tick yet",
    "gap": "bar ended before",
}
"""Why a signal is what it is, by the code in its record; ``docs/records.md`` has the same codes."""

_EFFECTIVE = re.compile(r"\beffective (\d{1,19})\b")

ID_DIGITS = 12
"""Of the 32 digits of an id: enough to tell two models of one desk apart."""


def reason_words(code: str) -> str:
    """Write the reason of a signal; a code that is not known is written as words."""
    return REASONS.get(code, code.replace("_", " "))


def event_words(event: ModelEvent) -> str:
    """Write what became of a model, without when and where."""
    now, before = event.artefact_id[:ID_DIGITS], event.before_id[:ID_DIGITS]
    match event.kind:
        case "switch":
            if event.stage == "retired":
                # Of one that only watched the record names no more than who decides on.
                return f"{before or 'a watcher'} is retired, {now or 'nobody'} decides"
            return f"{now} is {event.stage}"
        case "rollback":
            return f"{before} leaves, {f'back to {now}' if now else 'nobody decides'}"
        case "difference":
            return f"{now} compared with {before}"
        case "drift":
            return "the error has moved" if event.slot else "a feature has moved"
        case "gate":
            return "accuracy gate"


def event_reason(event: ModelEvent) -> str:
    """Write why it came to be, with the effective time of a switch as a time."""
    return _EFFECTIVE.sub(lambda found: f"effective {iso(int(found[1]))}", event.reason)


def plain_line(state: dict[str, Any]) -> str:
    """Write the state as one line without colour, made for logs."""
    run, progress = state["run"], state["progress"]
    totals = state["counters"]["totals"]
    parts = [run["status"]]
    if run["text"]:
        parts.append(run["text"])
    if progress["event_ms"] is not None:
        parts.append(f"event {iso(progress['event_ms'] * MS_NS)}")
    parts.append(rows_done(progress))
    if progress["rate_per_s"] is not None:
        parts.append(f"{progress['rate_per_s']:,.0f} rows/s")
    if progress["eta_s"] is not None:
        parts.append(f"{span(progress['eta_s'])} left")
    parts += [
        f"{name} {totals[name]:,}" for name in ("signals", "orders", "fills") if name in totals
    ]
    parts += [
        f"equity {money(account['equity'])} ({money(account['realised'])} realised)"
        for account in state["equity"]
    ]
    return " | ".join(parts)


def rows_done(progress: dict[str, Any]) -> str:
    """Write how many rows are done, and of how many where that is known."""
    done, total = progress["done_rows"], progress["total_rows"]
    if total is None:
        return f"{done:,} rows"
    return f"{done:,} of {total:,} rows ({100 * (progress['fraction'] or 0):.1f} %)"


def span(seconds: float) -> str:
    """Write a length of time as ``1:02:03`` or ``02:03``."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3_600)
    clock = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{hours}:{clock}" if hours else clock


def money(text: str | None) -> str:
    """Write exact text as money; an unknown amount is a dash, never a nought."""
    return "–" if text is None else f"{float(text):,.2f}"
