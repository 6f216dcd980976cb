"""Two accounts at brokers in one run: who is cut off opens nothing, and nothing is opened twice."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from testkit.venues.oanda.server import ACCOUNT
from tests.proofs.live.children import Death, Point, begin
from tests.proofs.live.pair import SECOND, Scene, enter, trading, two_brokers
from tests.proofs.live.scene import assert_at_peace

UNITS = Decimal(18_180)
"""A fifth of the equity, 100,000 USD, at 1.10005, in steps of ten."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Start both brokers."""
    with two_brokers(tmp_path) as found:
        yield found


def at_peace(scene: Scene) -> list[int]:
    """Check both accounts once they have ended; return how many orders each broker has had."""
    servers = (scene.first, scene.second)
    for server, where in zip(servers, scene.wheres, strict=True):
        assert_at_peace(server, where)
    return [len(server.submits) for server in servers]


def test_entries_leave_an_account_that_is_cut_off_and_exits_stay_with_the_holder(
    scene: Scene,
) -> None:
    """Bought by the first; its link is cut, so that the next entry is the second's alone."""
    with trading(scene.wheres) as pair:
        assert pair.minute(3, "buy") == [[("buy", UNITS)], []]
        pair.rest()
        assert pair.minute(4, "flat") == [[("sell", UNITS)], []]
        pair.rest()
        scene.network.blackhole("down")
        pair.until(lambda: not pair.lives[0].account.ready, "cut off")
        (first_lost, second_bought) = pair.minute(5, "buy")
        assert (first_lost, [side for side, _ in second_bought]) == ([], ["buy"])
        pair.lives[1].rest()
        scene.network.heal()
        pair.rest()
        # It is back, and first by name: what the other one holds is not opened once more.
        assert pair.minute(6, "buy") == [[], []]
        held = pair.held()[1]
        assert held == second_bought[0][1]
        (first_sold, second_left) = pair.minute(7, "sell")
        assert [side for side, _ in first_sold] == ["sell"]
        assert second_left == [("sell", held)]
        pair.rest()
        assert pair.held()[1] == 0
        assert pair.held()[0] < 0
        assert [route.account for route in pair.told] == [ACCOUNT, SECOND, ACCOUNT]
        assert f"{ACCOUNT}: cannot take it: link_down" in pair.told[1].why
    assert at_peace(scene) == [3, 2]


def test_a_position_that_is_cut_off_is_not_opened_once_more(scene: Scene) -> None:
    """The holder cannot be reached: the signal for its side stays with it."""
    with trading(scene.wheres) as pair:
        pair.minute(3, "buy")
        pair.rest()
        scene.network.blackhole("down")
        pair.until(lambda: not pair.lives[0].account.ready, "cut off")
        for minute in (4, 5):
            assert pair.minute(minute, "buy") == [[], []]
        scene.network.heal()
        pair.rest()
    assert at_peace(scene) == [1, 0]


@pytest.mark.parametrize("point", ["after_commit", "before_send", "after_send", "heard"])
def test_a_signal_that_is_heard_again_after_a_kill_stays_where_it_was(
    scene: Scene, point: Point
) -> None:
    """Its account is killed around the send, and in the next life cut off before it is heard."""
    process, line = begin(enter, scene.wheres, 3, Death(point, nth=1))
    assert line.recv() == "ready"
    with pytest.raises(EOFError):
        line.recv()
    process.join(10)
    with trading(scene.wheres) as pair:
        scene.network.blackhole("down")
        pair.until(lambda: not pair.lives[0].account.ready, "cut off")
        assert pair.minute(3, "buy") == [[], []]
        arrived = len(scene.first.submits)
        if point != "after_send":
            # What was handed over a moment before the end may have left or not.
            assert arrived == (point == "heard")
        # The next signal is for whoever can: for the second one if nothing has come of the first.
        assert [len(sent) for sent in pair.minute(4, "buy")] == [0, 1 - arrived]
        pair.lives[1].rest()
        scene.network.heal()
        pair.rest()
    assert at_peace(scene) == [arrived, 1 - arrived]
