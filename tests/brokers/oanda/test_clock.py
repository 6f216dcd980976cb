"""A clock that is not the broker's is told: ages and prices are judged by it."""

import logging
import time

import pytest

from brokers.oanda.venue import OandaVenue
from domain.nanos import SECOND_NS
from domain.order_events import EventKind
from tests.brokers.oanda.rig import OandaRig


@pytest.mark.parametrize(
    ("offset_ns", "words"),
    [(-60 * SECOND_NS, "behind that of OANDA"), (60 * SECOND_NS, "ahead of that of OANDA")],
)
def test_a_clock_that_is_off_is_told_once(
    rig: OandaRig, caplog: pytest.LogCaptureFixture, offset_ns: int, words: str
) -> None:
    """By an answer to an order at the latest; orders go their way all the same."""
    caplog.set_level(logging.WARNING)
    rig.venue.stop()

    def wall_ns() -> int:
        return time.time_ns() + offset_ns  # noqa: TID251 - the edge: the broker is on it

    rig.venue = OandaVenue(rig.config(), wall_ns=wall_ns)
    rig.start()
    for _ in range(2):
        rig.wait(rig.send(rig.order()), EventKind.FILL)
    told = [record.message for record in caplog.records if "our clock" in record.message]
    assert len(told) == 1
    assert words in told[0]


def test_a_clock_that_is_right_is_nothing_to_tell(
    rig: OandaRig, caplog: pytest.LogCaptureFixture
) -> None:
    """Both are the same here."""
    caplog.set_level(logging.WARNING)
    rig.wait(rig.send(rig.order()), EventKind.FILL)
    assert not [record for record in caplog.records if "our clock" in record.message]
