"""The paper venue: what it takes, fills and remembers."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from brokers.paper import PaperBroker, PaperConfig
from domain.errors import BadUse, Corrupt
from domain.ids import execution_id
from domain.orders import Order
from domain.ticks import TickArray, Verdict, new_records
from trading.ports import DUPLICATE, Broker, BrokerReport

MS = 1_000_000
ORDER = Order(
    client_order_id="ax1",
    account="paper-1",
    strategy="s",
    signal_id="g",
    symbol="EURUSD",
    side="buy",
    quantity_units=Decimal(1000),
    status="pending_new",
    ts_event_ns=0,
    ts_recv_ns=0,
)
ACCEPTED = BrokerReport("ax1", "accepted")


def ticks(*received_ms: int) -> TickArray:
    """Make ticks received at these milliseconds; the price tells which is which."""
    records = new_records(len(received_ms))
    records["ts_recv_ns"] = [ms * MS for ms in received_ms]
    records["ts_event_ns"] = records["ts_recv_ns"] - MS
    records["bid"] = [1.1 + ms / 10_000 for ms in received_ms]
    records["ask"] = records["bid"] + 0.0001
    return records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name the file of the venue's records."""
    return tmp_path / "venue.db"


@pytest.fixture
def venue(path: Path) -> Iterator[PaperBroker]:
    """Open an empty venue, 50 ms away."""
    venue = PaperConfig().open(path)
    yield venue
    venue.close()


def test_it_is_a_broker(venue: PaperBroker) -> None:
    """The venue fits the port."""
    broker: Broker = venue
    assert broker.query("ax1") is None


@pytest.mark.parametrize(("side", "price"), [("buy", "1.10510"), ("sell", "1.10500")])
def test_it_fills_at_the_first_tick_that_is_due(venue: PaperBroker, side: str, price: str) -> None:
    """A tick at the due time fills, a buy at the ask and a sell at the bid; one before does not."""
    order = replace(ORDER, side=side)
    assert venue.submit(order, 0) == ACCEPTED
    assert venue.match("ax1", ticks(10, 49)) is None
    fill = venue.match("ax1", ticks(49, 50, 60))
    assert fill is not None
    assert (str(fill.price), fill.ts_recv_ns, fill.ts_event_ns) == (price, 50 * MS, 49 * MS)
    assert fill.execution_id == execution_id("ax1", 0)
    assert fill.quantity_units == 1000
    assert venue.query("ax1") == BrokerReport("ax1", "filled")


def test_heartbeats_and_judged_ticks_do_not_fill(venue: PaperBroker) -> None:
    """Only an accepted tick is a market."""
    venue.submit(ORDER, 0)
    records = ticks(60, 61, 62)
    records["kind"][0], records["verdict"][1] = 1, 2
    fill = venue.match("ax1", records)
    assert fill is not None
    assert fill.ts_recv_ns == 62 * MS


def test_a_suspect_tick_fills() -> None:
    """A venue fills on its own market, whatever is thought of it here; this one is in memory."""
    venue = PaperConfig().open(None)
    venue.submit(ORDER, 0)
    records = ticks(60, 61)
    records["verdict"][0] = int(Verdict.SPREAD_BLOWOUT)
    fill = venue.match("ax1", records)
    assert fill is not None
    assert fill.ts_recv_ns == 60 * MS
    assert venue.fills() == [fill]
    venue.close()


def test_a_known_id_is_refused_and_logged(venue: PaperBroker) -> None:
    """The second request is on record, and the first order stands."""
    venue.submit(ORDER, 0)
    assert venue.submit(ORDER, 9) == BrokerReport("ax1", "rejected", DUPLICATE)
    assert venue.requests() == ["ax1", "ax1"]
    assert venue.query("ax1") == ACCEPTED


def test_an_impossible_order_is_rejected_for_good(venue: PaperBroker) -> None:
    """An unknown symbol or an empty quantity never works, and never fills."""
    wrong = replace(ORDER, symbol="XXXYYY")
    empty = replace(ORDER, client_order_id="ax2", quantity_units=Decimal(0))
    assert venue.submit(wrong, 0).reason == "unknown_symbol"
    assert venue.submit(empty, 0).reason == "bad_quantity"
    assert venue.match("ax1", ticks(100)) is None
    assert venue.query("ax1") == BrokerReport("ax1", "rejected", "unknown_symbol")


def test_it_remembers_after_a_restart(venue: PaperBroker, path: Path) -> None:
    """Orders wait and fills stay the same, whatever ticks come again."""
    venue.submit(ORDER, 0)
    venue.submit(replace(ORDER, client_order_id="ax2"), 0)
    first = venue.match("ax1", ticks(55))
    venue.close()
    again = PaperConfig(latency_ns=0).open(path)
    assert again.match("ax1", ticks(70)) == first
    assert again.match("ax2", ticks(40)) is None
    second = again.match("ax2", ticks(40, 70))
    assert second is not None
    assert second.ts_recv_ns == 70 * MS
    assert again.requests() == ["ax1", "ax2"]
    again.close()


def test_a_request_reaches_the_disk(venue: PaperBroker) -> None:
    """The store syncs every commit."""
    assert venue._store.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_file_that_is_no_venue_is_refused(path: Path) -> None:
    """Damage is named in one line instead of an empty venue."""
    path.write_bytes(b"no store at all " * 400)
    with pytest.raises(Corrupt, match="cannot be used"):
        PaperConfig().open(path)


def test_a_negative_latency_is_refused() -> None:
    """An order cannot arrive before it was sent."""
    with pytest.raises(BadUse):
        PaperConfig(latency_ns=-1)
