"""Which trained model a run starts with: a promoted one that has not seen its future, or a new."""

import msgspec
from clickhouse_connect.driver.client import Client

from config.plan import Plan
from config.settings import Settings
from dataflows.context import label_rule, models_of
from domain.errors import BadUse
from features.spec import SCHEMA
from jobs import feeds
from jobs.feeds import FeedChoice
from jobs.train import Say, history_plan, load_history, train
from models.registry import promotion


def model_for(
    client: Client, plan: Plan, choice: FeedChoice, settings: Settings, say: Say
) -> tuple[str | None, tuple[str, ...]]:
    """Return the artefact for a run, trained now where there is none yet, and notes on it.

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
    """
    horizon_ns = label_rule(settings).horizon_ns
    found = promotion.choose(models_of(plan), SCHEMA, horizon_ns, choice.first_ns)
    if found is not None:
        return found, ()
    before = feeds.days_before(choice, settings.models.training_days)
    if before is None:
        note = (
            "no batch model: the feed holds no days before the run to train one on; the online "
            "model decides alone"
        )
        return None, (note,)
    say(f"no trained model yet: training one on the days before, {before.words}")
    past = msgspec.structs.replace(plan, feed=before.feed, feed_fingerprint=before.fingerprint)
    history = history_plan(past)
    load_history(client, history, settings, say)
    try:
        artefact = train(
            client,
            [history.run],
            plan.feed.symbols,
            choice.first_ns - horizon_ns,
            settings,
            models_of(plan),
            say,
        )
    except BadUse as error:
        return None, (f"no batch model: {error}; the online model decides alone",)
    return artefact.artefact_id, ()
