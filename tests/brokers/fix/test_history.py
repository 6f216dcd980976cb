"""What is kept of executions, and what they amount to."""

from decimal import Decimal
from pathlib import Path

import pytest

from brokers.fix.history import History, positions
from domain.errors import Corrupt
from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderSide


def execution(
    name: str,
    units: int,
    price: str,
    side: OrderSide = "buy",
    kind: EventKind = EventKind.FILL,
    ref: str = "",
) -> OrderEvent:
    """Make an execution of EURUSD."""
    return OrderEvent(
        kind=kind,
        client_order_id="ax" + "0" * 32,
        ts_event_ns=1,
        ts_recv_ns=2,
        venue_order_id="O1",
        execution_id=name,
        execution_ref=ref,
        quantity_units=Decimal(units),
        price=Decimal(price),
        symbol="EURUSD",
        side=side,
    )


def test_copy_keeps_the_sequence_of_the_first(tmp_path: Path) -> None:
    """One row per execution of an order, whoever repeats it."""
    history = History(tmp_path / "executions.db")

    assert history.record(execution("E1", 1, "1.1")).sequence == 1
    assert history.record(execution("E2", 1, "1.1")).sequence == 2
    assert history.record(execution("E1", 1, "1.1")).sequence == 1
    assert [one.execution_id for one in history.executions(None)] == ["E1", "E2"]
    assert [one.execution_id for one in history.executions(1)] == ["E2"]
    history.close()


def test_history_survives_its_process(tmp_path: Path) -> None:
    """Executions, names and the session are on disk."""
    first = History(tmp_path / "executions.db")
    event = first.record(execution("E1", 3, "1.1"))
    first.confirm("ax1", "ax101")
    first.begin_session(77)
    first.close()

    again = History(tmp_path / "executions.db")
    assert again.executions(None) == (event,)
    assert (again.name_of("ax1"), again.name_of("ax2")) == ("ax101", "ax2")
    assert (again.session_start_ns(), again.last_sequence()) == (77, 1)
    again.close()


def test_file_that_is_no_history_is_refused(tmp_path: Path) -> None:
    """Never begin anew over something else."""
    path = tmp_path / "executions.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 40)

    with pytest.raises(Corrupt, match="cannot be used"):
        History(path)


def test_positions_net_by_hand() -> None:
    """10 at 1.10 and 10 at 1.20 are 20 at 1.15; 30 sold at 1.30 leave 10 short at 1.30."""
    bought = (execution("E1", 10, "1.10"), execution("E2", 10, "1.20"))
    (held,) = positions(bought)
    assert (held.units, held.average_price) == (Decimal(20), Decimal("1.15"))

    (turned,) = positions((*bought, execution("E3", 30, "1.30", side="sell")))
    assert (turned.units, turned.average_price) == (Decimal(-10), Decimal("1.30"))


def test_bust_and_correction_change_what_they_name() -> None:
    """E1 is taken back; E2 becomes 5 at 1.25, and its correction is taken back in turn."""
    fills = (execution("E1", 10, "1.10"), execution("E2", 10, "1.20"))
    bust = execution("E3", 10, "1.10", kind=EventKind.BUST, ref="E1")
    correction = execution("E4", 5, "1.25", kind=EventKind.CORRECT, ref="E2")

    (held,) = positions((*fills, bust, correction))
    assert (held.units, held.average_price) == (Decimal(5), Decimal("1.25"))
    last = execution("E5", 5, "1.25", kind=EventKind.BUST, ref="E4")
    assert positions((*fills, bust, correction, last)) == ()
