"""Which trained models a run starts with: deployed ones that know no future of it, or new ones."""

from collections.abc import Sequence
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from config.plan import Plan
from config.settings import Settings
from dataflows.context import label_rule, models_of, slots_of
from domain.deployments import ModelSwitch, Stage
from domain.errors import BadUse
from features.spec import SCHEMA
from jobs import feeds
from jobs.feeds import FeedChoice
from jobs.train import Say, history_plan, load_history, train
from models.registry.artefact import Artefact
from models.registry.ledger import history
from models.registry.stages import deployments

Models = tuple[tuple[ModelSwitch, ...], tuple[str, ...]]
"""Who is in which slot when the run begins, and notes for its report."""

_ALONE = "the models that need no training decide alone"


def models_for(
    client: Client, plan: Plan, choice: FeedChoice, settings: Settings, say: Say
) -> Models:
    """Return the models for a run, trained now where there are none yet, and notes on them.

    Parameters
    ----------
    client
        Of the store, where the days before are kept for training.
    plan
        The run; its feed names the symbols.
    choice
        Its feed; everything before its first event time may be learned from.
    say
        Told what takes time.

    Raises
    ------
    Corrupt
        If the promotion ledger fails its check.
    """
    slots = slots_of(settings)
    if not slots:
        return (), ()
    horizon_ns = label_rule(settings).horizon_ns
    entries = history(models_of(plan), say)
    standing = deployments(entries, SCHEMA, horizon_ns, choice.first_ns, with_before=True)
    found = tuple(switch for switch in standing if switch.slot in slots)
    if any(switch.stage is Stage.CHAMPION for switch in found):
        return found, ()
    return _trained(client, plan, choice, settings, say)


def _trained(
    client: Client, plan: Plan, choice: FeedChoice, settings: Settings, say: Say
) -> Models:
    """Train on the days before the run, and deploy what comes of it for this run alone."""
    before = feeds.days_before(choice, settings.models.training_days)
    if before is None:
        note = f"no trained model: the feed holds no days before the run to train on; {_ALONE}"
        return (), (note,)
    say(f"no trained model yet: training on the days before, {before.words}")
    past = msgspec.structs.replace(plan, feed=before.feed, feed_fingerprint=before.fingerprint)
    history_run = history_plan(past)
    load_history(client, history_run, settings, say)
    try:
        made: Any = train(
            client,
            [history_run.run],
            plan.feed.symbols,
            choice.first_ns - label_rule(settings).horizon_ns,
            settings,
            models_of(plan),
            say,
        )
    except BadUse as error:
        return (), (f"no trained model: {error}; {_ALONE}",)
    artefacts: Sequence[Artefact] = made if isinstance(made, (list, tuple)) else [made]
    slots = slots_of(settings)
    switches = tuple(
        ModelSwitch(one.manifest.kind, one.artefact_id, Stage.CHAMPION, choice.first_ns)
        for one in artefacts
        if one.manifest.kind in slots
    )
    names = ", ".join(f"{one.slot} {one.artefact_id[:12]}" for one in switches)
    note = (
        f"{names}: trained on the days before for this run alone; no validation gate was passed "
        "and nobody has approved it"
    )
    return switches, (note,) if switches else ()
