"""Settings of tactics: what is refused, and what a venue must be able to do."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from brokers.paper_venue.terms import capabilities
from config.settings import settings_of
from dataflows.account_config import tactics
from domain.errors import BadUse
from domain.nanos import SECOND_NS
from trading.tactics.config import Tactics
from trading.venues import Capabilities

PAPER = capabilities("netting")
STOP = Tactics(stop_pips=Decimal(10))
BOTH = Tactics(stop_pips=Decimal(10), target_pips=Decimal(10))


def able(**changes: Any) -> Capabilities:
    """Return what the paper venue can do, but for some types (None: not at all)."""
    times = dict(PAPER.times_in_force.items())
    for kind in changes.pop("without", ()):
        del times[kind]
    return replace(PAPER, times_in_force=times, **changes)


@pytest.mark.parametrize(
    "settings",
    [
        {"work_ns": 0},
        {"slices": 0},
        {"display_fraction": Decimal(0)},
        {"display_fraction": Decimal("1.1")},
        {"algorithm": "passive_cross", "patience_ns": 5, "work_ns": 5},
        {"stop_pips": Decimal(0)},
        {"target_pips": Decimal(-1)},
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, Any]) -> None:
    """Before a run begins."""
    with pytest.raises(BadUse):
        Tactics(**settings)


@pytest.mark.parametrize(
    ("wanted", "capabilities", "lacks"),
    [
        (STOP, able(without=("stop_loss", "stop")), "stop_pips: it takes no stop"),
        (BOTH, able(without=("take_profit", "limit")), "take_profit or limit orders that rest"),
        (Tactics("iceberg"), able(without=("limit",)), "iceberg: the venue takes no GTC limit"),
        (Tactics("passive_cross"), able(without=("limit",)), "passive_cross: "),
        (Tactics("twap"), able(without=("market", "limit")), "twap: the venue has no immediate"),
    ],
)
def test_a_venue_that_lacks_a_type_is_named(
    wanted: Tactics, capabilities: Capabilities, lacks: str
) -> None:
    """In one sentence, with the settings that ask for it."""
    with pytest.raises(BadUse, match=f"^demo cannot trade as execution.* asks: .*{lacks}"):
        wanted.require("demo", capabilities, bounded=False)


@pytest.mark.parametrize(
    ("wanted", "capabilities"),
    [
        (STOP, able(without=("stop_loss",))),
        (BOTH, able(reduce_only=False, without=("take_profit",))),
        (Tactics("tick_profile"), PAPER),
        (Tactics(), able(without=("limit", "stop", "stop_loss"))),
    ],
)
def test_what_a_venue_can_do_is_enough(wanted: Tactics, capabilities: Capabilities) -> None:
    """A plain stop stands for a stop-loss, and a target that is watched here needs no type."""
    wanted.require("demo", capabilities, bounded=False)


def test_settings_become_tactics() -> None:
    """Milliseconds become nanoseconds, and 0 pips no exit at all."""
    plain = {"algorithm": "twap", "algorithm_ms": 2_000, "slices": 2, "target_pips": "12.5"}
    made = tactics(settings_of({"execution": plain}).execution)
    assert made == Tactics("twap", work_ns=2 * SECOND_NS, slices=2, target_pips=Decimal("12.5"))
    assert tactics(settings_of({}).execution).is_plain
