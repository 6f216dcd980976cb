"""Switches of models, and records with switches strewn among them."""

from collections.abc import Sequence

import numpy as np

from domain.deployments import SLOTS, ModelSwitch, Stage
from domain.nanos import MINUTE_NS, parse_ns
from domain.switch_records import switch_record
from domain.ticks import TickArray
from testkit.tapes import START

_STAGES = (Stage.CHAMPION, Stage.SHADOW, Stage.CANARY, Stage.RETIRED)


def a_switch(
    number: int = 1,
    effective_ns: int | None = None,
    share: float | None = None,
    artefact_id: str = "",
) -> ModelSwitch:
    """Make a switch that differs from those of other numbers in every field.

    Parameters
    ----------
    number
        Whichever (>= 0): slot, artefact, stage and time follow from it where they are not given.
    effective_ns, share, artefact_id
        As in `ModelSwitch`; the id of an even number ends with a zero byte.
    """
    stage = _STAGES[number % len(_STAGES)]
    made_id = (number * 256 + 0x0A00_0000_0000_0000_0000_0000_0000_0001 * (number % 2 + 1)) % 2**128
    if number % 2 == 0:
        made_id = made_id // 256 * 256
    at_ns = parse_ns(START) + number * MINUTE_NS if effective_ns is None else effective_ns
    part = 1 / (1 + number % 7) if stage is Stage.CANARY else 1.0
    return ModelSwitch(
        slot=SLOTS[number % len(SLOTS)],
        artefact_id=artefact_id or f"{made_id:032x}",
        stage=stage,
        effective_ns=at_ns,
        share=part if share is None else share,
    )


def strewn(
    records: TickArray, switches: Sequence[ModelSwitch], seed: int
) -> tuple[TickArray, list[int]]:
    """Put switches among records at random places, in order; say behind how many each stands.

    Their receive times are their effective times: whoever took either for a time that has passed
    would be far from where it should be.
    """
    rng = np.random.default_rng(seed)
    behind = sorted(rng.integers(0, records.size + 1, len(switches)).tolist())
    made = [switch_record(one, one.effective_ns, number) for number, one in enumerate(switches, 1)]
    if not made:
        return records, []
    return np.insert(records, behind, np.concatenate(made)), behind
