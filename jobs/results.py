"""Builds the report of a run: from the store, or from what a fused run handed over."""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from clickhouse_connect.driver.client import Client

from clickhouse import datasets, quality, results
from config.plan import Plan
from config.settings import Settings
from dataflows.context import bar_config
from domain.canonical import bars_sha256, row_columns, signal_columns, signals_sha256
from domain.canonical_quality import quality_sha256
from jobs.collected import Collected
from jobs.report import AccuracyFigures, Hop, PnlDetail, Report, accuracy_figures
from models.views import ENSEMBLE


def from_store(
    client: Client,
    plan: Plan,
    settings: Settings,
    *,
    feed: str,
    status: str,
    models: Mapping[str, str],
    notes: tuple[str, ...],
    ticks_in: int,
    latency_ms: dict[str, Hop],
    replayed: int,
    wall_s: float,
) -> Report:
    """Read the figures of a run from ClickHouse.

    Parameters
    ----------
    ticks_in
        Rows that the ingest took from the feed: counted there, so that the archive can be held
        against it.
    latency_ms, replayed
        From the workers' meters; ``replayed`` counts what this life wrote again and skipped.
    """
    rows = results.counts(client, plan.run)
    pairs = datasets.prediction_pairs(client, plan.run, ENSEMBLE)
    account = settings.execution.account
    last = results.pnl(client, plan.run).get(account)
    currency = settings.execution.account_currency
    detail = (
        None
        if last is None
        else PnlDetail(
            account, currency, *map(_cents, (last.realised, last.unrealised, last.equity))
        )
    )
    return Report(
        run=plan.run,
        status=status,
        feed=feed,
        symbols=plan.feed.symbols,
        models=dict(models),
        notes=notes,
        ticks_in=ticks_in,
        ticks_archived=rows["ticks"],
        ticks_rejected=results.rejected_by_reason(client, plan.run),
        bars=results.bars_by_timeframe(client, plan.run, settings.bars.timeframes),
        signals=rows["signals"],
        orders=results.orders_sent(client, plan.run),
        orders_denied=results.orders_denied(client, plan.run),
        fills=results.fills(client, plan.run),
        pnl=_total(detail),
        pnl_detail=detail,
        accuracy=accuracy_figures(
            pairs.ts_ns,
            pairs.symbol,
            pairs.p_up,
            pairs.mid,
            settings.models.horizon_ms * 1_000_000,
            settings.models.label_tolerance_ms * 1_000_000,
        ),
        latency_ms=latency_ms,
        rows=rows,
        replayed=replayed,
        sha256={
            "bars": results.sha256_bars(client, plan.run),
            "signals": results.sha256_signals(client, plan.run),
            "quality": quality_sha256(quality.records(client, plan.run)),
        },
        wall_s=wall_s,
    )


def from_collected(
    collected: Collected,
    plan: Plan,
    settings: Settings,
    *,
    feed: str,
    models: Mapping[str, str],
    notes: tuple[str, ...],
    wall_s: float,
) -> Report:
    """Compute the same figures from what a fused run handed over."""
    execution = settings.execution
    timeframes = bar_config(settings).ordered
    mark = collected.last_total
    detail = (
        None
        if mark is None
        else PnlDetail(
            mark.account,
            execution.account_currency,
            *map(_cents, (mark.realised_account, mark.unrealised_account, mark.equity_account)),
        )
    )
    return Report(
        run=plan.run,
        status="finished",
        feed=feed,
        symbols=plan.feed.symbols,
        models=dict(models),
        notes=notes,
        ticks_in=collected.ticks_accepted + sum(collected.ticks_rejected.values()),
        ticks_archived=collected.ticks_accepted,
        ticks_rejected=dict(sorted(collected.ticks_rejected.items())),
        bars=collected.bars_by_timeframe(timeframes),
        signals=len(collected.signals),
        orders=len(collected.orders_sent),
        orders_denied=dict(sorted(collected.orders_denied.items())),
        fills=collected.fills,
        pnl=_total(detail),
        pnl_detail=detail,
        accuracy=_accuracy(collected, settings),
        latency_ms={},
        rows={},
        replayed=0,
        sha256={
            "bars": bars_sha256(row_columns(collected.bars, timeframes)),
            "signals": signals_sha256(signal_columns(collected.signals)),
            "quality": quality_sha256(collected.quality),
        },
        wall_s=wall_s,
    )


def _cents(amount: Decimal | None) -> Decimal | None:
    """Cut the store's zeros: the engine keeps account amounts to a millionth."""
    return None if amount is None else amount.quantize(Decimal("0.000001"))


def _total(detail: PnlDetail | None) -> float | None:
    if detail is None or detail.realised is None or detail.unrealised is None:
        return None
    return float(detail.realised + detail.unrealised)


def _accuracy(collected: Collected, settings: Settings) -> AccuracyFigures:
    views = collected.views
    ts_ns = np.concatenate([np.empty(0, dtype=np.int64), *(view.ts_ns for view in views)])
    names = np.array([view.symbol for view in views], dtype=object)
    symbol = np.repeat(names, [view.ts_ns.size for view in views])
    order = np.lexsort((symbol.astype(str), ts_ns))
    return accuracy_figures(
        ts_ns[order],
        symbol[order],
        np.concatenate([np.empty(0), *(view.p_up for view in views)])[order],
        np.concatenate([np.empty(0), *(view.mid for view in views)])[order],
        settings.models.horizon_ms * 1_000_000,
        settings.models.label_tolerance_ms * 1_000_000,
    )
