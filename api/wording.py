"""Figures in words: what a terminal or a log line says about a snapshot."""

from typing import Any

from domain.nanos import MS_NS, iso


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
