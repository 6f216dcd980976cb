"""Which trained models a run starts with: deployed ones that know no future of it, or new ones."""

from collections.abc import Sequence

import msgspec
from clickhouse_connect.driver.client import Client

from config.plan import Plan
from config.settings import Settings
from dataflows.context import label_rule, models_of, slots_of
from domain.deployments import ModelSwitch, Slot, Stage
from domain.errors import BadUse
from features.spec import SCHEMA
from jobs import feeds
from jobs.feeds import FeedChoice
from jobs.history import history_plan, load_history
from jobs.train import Say, candidates, label_config, learners_of, walk_config
from jobs.training_data import LabelConfig, TrainingSet, from_archive
from models.registry.artefact import read
from models.registry.ledger import history
from models.registry.stages import deployments, state
from models.registry.store import ModelStore

Models = tuple[tuple[ModelSwitch, ...], tuple[str, ...]]
"""Who is in which slot when the run begins, and notes for its report."""

_ALONE = "the models that need no training decide alone"
_WHY = "trained on the days before a run that found no champion"


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
    switches, notes = _trained(client, plan, choice, settings, say)
    named = {switch.artefact_id for switch in switches}
    # Who is on trial goes on with it, against whoever stands in for the champion.
    return (*switches, *(one for one in found if one.artefact_id not in named)), notes


def _trained(
    client: Client, plan: Plan, choice: FeedChoice, settings: Settings, say: Say
) -> Models:
    """Train on the days before the run, and deploy what comes of it for this run alone."""
    slots = slots_of(settings)
    kinds = tuple(slot for slot in slots if slot in settings.training.run_kinds)
    if not kinds:
        words = f"training.run_kinds names none of {', '.join(slots)}"
        return (), (f"no trained model: {words}; {_ALONE}",)
    before = feeds.days_before(choice, settings.models.training_days)
    if before is None:
        note = f"no trained model: the feed holds no days before the run to train on; {_ALONE}"
        return (), (note,)
    past = msgspec.structs.replace(plan, feed=before.feed, feed_fingerprint=before.fingerprint)
    history_run = history_plan(past)
    say(f"no champion yet: looking at the days before, {before.words}")
    load_history(client, history_run, settings, say)
    try:
        before_ns = choice.first_ns - label_rule(settings).horizon_ns
        rows = from_archive(client, [history_run.run], plan.feed.symbols, before_ns)
        found = _made(rows, kinds, settings, models_of(plan), say)
    except BadUse as error:
        return (), (f"no trained model: {error}; {_ALONE}",)
    if not found:
        return (), (f"no trained model: those of these days were retired; {_ALONE}",)
    switches = tuple(
        ModelSwitch(slot, artefact_id, Stage.CHAMPION, choice.first_ns)
        for slot, artefact_id in found.items()
    )
    names = ", ".join(f"{one.slot} {one.artefact_id[:12]}" for one in switches)
    note = (
        f"{names}: trained on the days before for this run alone; no validation gate was passed "
        "and nobody has approved it"
    )
    return switches, (note,)


def _made(
    rows: TrainingSet, kinds: Sequence[Slot], settings: Settings, where: ModelStore, say: Say
) -> dict[Slot, str]:
    """Return an artefact of each kind: one of the ledger that these rows have made, or a new one.

    One that a person has retired is not taken, and would not become another by training it again.
    """
    label = label_config(settings)
    known = _known(rows, label, where, say)
    found: dict[Slot, str] = {}
    for kind in kinds:
        if kind in known:
            stage, found[kind] = known[kind]
            say(f"{kind} {found[kind][:12]} was trained on these days before; it is {stage}")
            if stage is Stage.RETIRED:
                del found[kind]
    missing = [kind for kind in kinds if kind not in known]
    if missing:
        walking, reasons = walk_config(settings), dict.fromkeys(missing, _WHY)
        new = candidates(rows, label, learners_of(missing), walking, where, reasons, say)
        found |= {artefact.manifest.kind: artefact.artefact_id for artefact in new}
    return {kind: found[kind] for kind in kinds if kind in found}


def _known(
    rows: TrainingSet, label: LabelConfig, where: ModelStore, say: Say
) -> dict[Slot, tuple[Stage, str]]:
    """Return by slot stage and id of the newest artefact that was trained on the same data."""
    data = rows.data
    span, sha = (int(data.ts_ns.min()), int(data.ts_ns.max())), data.sha256()
    definition = label.definition()
    found: dict[Slot, tuple[Stage, str]] = {}
    for standing in state(history(where, say)).standings.values():
        entry = standing.enter
        place = (entry.slot, data.feature_schema, label.rule.horizon_ns)
        if standing.place != place or (entry.data_first_ns, entry.data_last_ns) != span:
            continue
        manifest = read(where, entry.artefact_id)[0].manifest
        if manifest.data_sha256 == sha and manifest.label == definition:
            found[entry.slot] = (standing.stage, entry.artefact_id)
    return found
