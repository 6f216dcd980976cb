"""What the venue remembers."""

from decimal import Decimal
from pathlib import Path

import pytest

from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.store import open_store
from brokers.paper_venue.venue import open_paper_venue
from domain.errors import Corrupt
from domain.orders import Order
from tests.brokers.paper_venue.market import Desk
from trading.venues import Cancel, LinkEvent, Submit, Venue


def test_it_is_a_venue() -> None:
    """It fits the port."""
    venue: Venue = Desk().venue
    assert (venue.name, venue.account) == ("paper", "paper")
    assert venue.capabilities.client_ids
    assert venue.capabilities.position_modes == {"netting"}
    pair = venue.instruments()["USDJPY"]
    assert (str(pair.price_step), pair.days_charged) == ("0.001", None)


def test_orders_and_fills_are_there_after_a_crash(tmp_path: Path) -> None:
    """What was answered is on disk; what waits goes on waiting; numbers go on."""
    path = tmp_path / "venue.db"
    desk = Desk(path)
    filled = desk.submit()
    desk.submit(client_order_id="ax2", order_type="limit", limit_price="1.05", time_in_force="GTC")
    desk.play("60 1.1 1.1001")
    again = Desk(path)
    assert again.heard == [LinkEvent("orders", up=True, ts_recv_ns=0, venue="paper", gap=True)]
    report = again.venue.query(filled, 1)
    assert report is not None
    assert report.status == "filled"
    (execution,) = again.venue.snapshot(0, 1).executions
    assert execution == desk.heard[-1]
    assert again.play("50 1.1 1.1001\n60 1.1 1.1001\n70 1.04 1.05") == ["70 fill 1000@1.05000"]
    position = again.venue.snapshot(None, 1).positions
    assert [(p.symbol, p.units, str(p.average_price)) for p in position] == [
        ("EURUSD", Decimal(2000), "1.07505")
    ]
    assert [e.sequence for e in again.venue.events()] == [1, 2, 3, 4]
    desk.venue.close()
    again.venue.close()


def test_a_snapshot_tells_what_came_after_a_place(tmp_path: Path) -> None:
    """Open orders always, closed ones and fills only if they are newer."""
    desk = Desk(tmp_path / "venue.db")
    desk.submit()
    desk.submit(client_order_id="ax2", order_type="limit", limit_price="1.05", time_in_force="GTC")
    desk.play("60 1.1 1.1001")
    whole = desk.venue.snapshot(None, 1)
    assert sorted(o.client_order_id for o in whole.orders) == ["ax1", "ax2"]
    later = desk.venue.snapshot(whole.last_sequence, 1)
    assert [o.client_order_id for o in later.orders] == ["ax2"]
    assert later.executions == ()
    assert later.complete
    desk.venue.close()


def test_every_command_is_on_record_as_it_came() -> None:
    """With strategy, user and model."""
    desk = Desk()
    order: Order = desk.submit(user="ann", model_id="m1")
    desk.cancel(order, 10)
    submit, cancel = desk.venue.commands()
    assert submit == Submit(order)
    assert isinstance(cancel, Cancel)
    assert (cancel.order.user, cancel.order.model_id, cancel.request) == ("ann", "m1", 1)


def test_a_request_reaches_the_disk(tmp_path: Path) -> None:
    """The store syncs every commit."""
    store = open_store(tmp_path / "venue.db")
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_a_file_that_is_no_venue_is_refused(tmp_path: Path) -> None:
    """Damage is named in one line instead of an empty venue; another version too."""
    path = tmp_path / "venue.db"
    path.write_bytes(b"no store at all " * 400)
    with pytest.raises(Corrupt, match="cannot be used"):
        open_paper_venue(PaperVenueConfig(), path)
    other = tmp_path / "other.db"
    store = open_store(other)
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(Corrupt, match="version 99"):
        open_paper_venue(PaperVenueConfig(), other)
