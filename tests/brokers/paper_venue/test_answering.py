"""Submits that are answered together: known to the file at once, said once the disk has them."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.venue import PaperVenue, open_paper_venue
from domain.order_events import EventKind, OrderEvent
from tests.brokers.paper_venue.market import ORDER, tape
from trading.venues import Cancel, Submit, VenueEvent


def waiting(path: Path | None, heard: list[VenueEvent]) -> PaperVenue:
    """Return a venue that answers when it is asked to."""
    venue = open_paper_venue(PaperVenueConfig(account="paper"), path, waits=True)
    venue.start(heard.append)
    heard.clear()
    return venue


def kinds(heard: list[VenueEvent]) -> list[tuple[str, str]]:
    """Return what was said, and of which order."""
    return [(e.client_order_id, str(e.kind)) for e in heard if isinstance(e, OrderEvent)]


def test_nothing_is_said_before_the_disk_has_it(tmp_path: Path) -> None:
    """A submit is in the file without a wait; the answer writes once more, and waits."""
    heard: list[VenueEvent] = []
    venue = waiting(tmp_path / "venue.db", heard)
    log = tmp_path / "venue.db-wal"
    sizes = [log.stat().st_size]
    levels = []
    for name in ("ax1", "ax2"):
        venue.send(Submit(replace(ORDER, client_order_id=name)))
        sizes.append(log.stat().st_size)
        levels.append(venue._store._db.execute("PRAGMA synchronous").fetchone()[0])
    assert heard == []
    venue.answer()
    sizes.append(log.stat().st_size)
    levels.append(venue._store._db.execute("PRAGMA synchronous").fetchone()[0])
    assert kinds(heard) == [("ax1", "ack"), ("ax2", "ack")]
    assert levels == [1, 1, 2]
    # A commit that writes nothing would wait for nothing.
    assert sizes == sorted(set(sizes))
    venue.answer()
    assert len(heard) == 2
    venue.close()


def test_a_killed_process_finds_what_it_had_sent(tmp_path: Path) -> None:
    """Without an answer the order works all the same, and what was not said is on record."""
    heard: list[VenueEvent] = []
    venue = waiting(tmp_path / "venue.db", heard)
    venue.send(Submit(ORDER))
    venue._store.close()
    again = waiting(tmp_path / "venue.db", heard)
    assert heard == []
    assert again.requests() == ["ax1"]
    assert [e.kind for e in again.events()] == [EventKind.ACK]
    again.on_records("EURUSD", tape("60 1.1 1.1001"))
    assert kinds(heard) == [("ax1", "fill")]
    again.close()


@pytest.mark.parametrize("how", ["records", "query", "snapshot", "cancel"])
def test_whatever_is_asked_next_is_behind_the_answer(how: str) -> None:
    """Fills, answers to questions and requests follow the acknowledgement."""
    heard: list[VenueEvent] = []
    venue = waiting(None, heard)
    sent = ORDER
    venue.send(Submit(sent))
    if how == "records":
        venue.on_records("EURUSD", tape("60 1.1 1.1001"))
    elif how == "query":
        venue.query(sent, 1)
    elif how == "snapshot":
        venue.snapshot(None, 1)
    else:
        venue.send(Cancel(sent, 1))
    assert kinds(heard)[0] == ("ax1", "ack")
    assert len(heard) == (2 if how == "records" else 1)
    venue.close()
