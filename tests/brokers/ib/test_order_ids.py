"""Order ids ascend over all lives of the process."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.ib.order_ids import BLOCK, LAST_ORDER_ID, OrderIds
from domain.errors import Corrupt, Halt


def test_ids_ascend_from_one(tmp_path: Path) -> None:
    """Without gaps within a life."""
    ids = OrderIds(tmp_path / "new", "DU1-1")
    assert [ids.take() for _ in range(3)] == [1, 2, 3]


@settings(max_examples=25, deadline=None)
@given(lives=st.lists(st.tuples(st.integers(0, 250), st.integers(0, 500)), min_size=1, max_size=6))
def test_no_id_is_given_twice(
    lives: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the gateway proposes, and wherever the process died."""
    folder = tmp_path_factory.mktemp("ids")
    given_ids: list[int] = []
    for takes, proposed in lives:
        ids = OrderIds(folder, "DU1-1")
        ids.raise_to(proposed)
        given_ids += [ids.take() for _ in range(takes)]
    assert given_ids == sorted(set(given_ids))


def test_the_mark_is_on_disk_before_the_id_is_used(tmp_path: Path) -> None:
    """A block at a time: a crash skips ids, it repeats none."""
    taken = OrderIds(tmp_path, "DU1-1").take()
    assert OrderIds(tmp_path, "DU1-1").take() == taken + BLOCK


def test_a_proposal_above_the_mark_wins(tmp_path: Path) -> None:
    """The gateway has seen ids of another program."""
    ids = OrderIds(tmp_path, "DU1-1")
    ids.raise_to(5_000)
    assert (ids.take(), OrderIds(tmp_path, "DU1-1").take()) == (5_000, 5_000 + BLOCK)


@pytest.mark.parametrize("text", ["", "x", "-4", "0", "1.5"])
def test_a_file_that_holds_no_id_stops_the_start(tmp_path: Path, text: str) -> None:
    """Starting at 1 again would change old orders."""
    (tmp_path / "ib-order-ids-DU1-1").write_text(text)
    with pytest.raises(Corrupt, match="above the id of every order"):
        OrderIds(tmp_path, "DU1-1")


def test_there_is_an_end(tmp_path: Path) -> None:
    """Ids of requests lie above."""
    ids = OrderIds(tmp_path, "DU1-1")
    ids.raise_to(LAST_ORDER_ID)
    with pytest.raises(Halt, match="another client id"):
        ids.take()
