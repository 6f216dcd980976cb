"""Builds the report of a run: from the store, or from what a fused run handed over."""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from clickhouse_connect.driver.client import Client

from clickhouse import datasets, quality, results
from clickhouse.results import Counts
from config.plan import Plan
from config.settings import Settings
from dataflows.context import bar_config
from domain.canonical import bars_sha256, row_columns, signal_columns, signals_sha256
from domain.canonical_quality import quality_sha256
from jobs.collected import Collected
from jobs.report import (
    AccountFigures,
    AccuracyFigures,
    Hop,
    PnlDetail,
    Report,
    accuracy_figures,
)
from models.views import ENSEMBLE

Money = tuple[Decimal | None, ...]
"""Realised, unrealised, equity; account currency."""


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
    totals = {
        account: tuple(map(_cents, (last.realised, last.unrealised, last.equity)))
        for account, last in results.pnl(client, plan.run).items()
    }
    details = _details(settings, totals)
    detail = _together(settings, details)
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
        accounts=_accounts(settings, details, results.by_account(client, plan.run)),
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
    timeframes = bar_config(settings).ordered
    totals = {
        account: tuple(
            map(_cents, (mark.realised_account, mark.unrealised_account, mark.equity_account))
        )
        for account, mark in collected.totals.items()
    }
    details = _details(settings, totals)
    detail = _together(settings, details)
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
        accounts=_accounts(settings, details, collected.by_account()),
    )


def _together(settings: Settings, details: Mapping[str, PnlDetail]) -> PnlDetail | None:
    """Return the profit of several accounts as that of one.

    Returns
    -------
    PnlDetail or None
        None if one of them has no mark yet, or they are kept in several currencies.
    """
    each = list(details.values())
    if len(each) < len(settings.accounts) or len({one.currency for one in each}) > 1:
        return None
    names = ", ".join(one.account for one in each)
    return PnlDetail(
        names,
        each[0].currency,
        _sum([one.realised for one in each]),
        _sum([one.unrealised for one in each]),
        _sum([one.equity for one in each]),
    )


def _sum(amounts: list[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known[1:], known[0]) if len(known) == len(amounts) else None


def _details(settings: Settings, totals: Mapping[str, Money]) -> dict[str, PnlDetail]:
    """Return the profit of each account of a run that has a mark."""
    return {
        one.account: PnlDetail(one.account, one.execution.account_currency, *totals[one.account])
        for one in settings.accounts
        if one.account in totals
    }


def _accounts(
    settings: Settings, details: Mapping[str, PnlDetail], counts: Mapping[str, Counts]
) -> tuple[AccountFigures, ...]:
    """Return what each of several accounts has come to; nothing for one alone."""
    if len(settings.accounts) == 1:
        return ()
    unknown = PnlDetail("", "", None, None, None)
    found = []
    for one in settings.accounts:
        detail = details.get(one.account, unknown)
        found.append(
            AccountFigures(
                one.account,
                one.execution.account_currency,
                detail.realised,
                detail.unrealised,
                detail.equity,
                *counts.get(one.account, Counts(0, 0, 0)),
            )
        )
    return tuple(found)


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
