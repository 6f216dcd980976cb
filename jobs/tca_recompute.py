"""Execution quality of a run from its archive: quotes, orders and fills, measured once more."""

from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from clickhouse import dealings, quality
from clickhouse.runs import run_facts
from config.accounts import account_of
from config.settings import Settings, settings_of
from dataflows.quality import tca_config
from domain.errors import BadUse
from trading.tca.agreement import Agreement, compare
from trading.tca.monitor import Quality
from trading.tca.query import evaluate


class Recomputed(NamedTuple):
    """What the archive of a run says of its execution quality.

    Attributes
    ----------
    records
        Of all accounts, as far as their symbols have instruments; by time.
    agreement
        With what was measured as it happened; None where nothing was to be.
    """

    records: list[Quality]
    agreement: Agreement | None


def recompute(client: Client, run: str) -> Recomputed:
    """Measure the fills and orders of a run from what its archive has.

    Raises
    ------
    BadUse
        If the archive does not know the run.
    """
    facts = run_facts(client, run)
    if not facts:
        msg = f"the archive has no run {run}: name one with --run, or its store with --clickhouse"
        raise BadUse(msg)
    settings, symbols = settings_of(facts["settings"]), tuple(facts["symbols"])
    until_ns = dealings.passed_ns(client, run)
    records: list[Quality] = []
    for account in settings.accounts:
        records += _of_account(client, run, account, symbols, until_ns)
    records.sort(key=lambda one: one.ts_event_ns)
    if not settings.execution.quality:
        return Recomputed(records, None)
    return Recomputed(records, compare(quality.records(client, run), records, until_ns))


def _of_account(
    client: Client, run: str, settings: Settings, symbols: tuple[str, ...], until_ns: int
) -> list[Quality]:
    config, account = tca_config(settings, symbols), account_of(settings)
    return evaluate(
        config,
        dealings.quotes(client, run),
        # As on the way: somebody else's trade in what has no instrument here cannot be measured.
        [one for one in dealings.orders(client, run, account) if one.symbol in config.instruments],
        [
            one
            for one in dealings.executions(client, run, account)
            if one.symbol in config.instruments
        ],
        until_ns,
    )
