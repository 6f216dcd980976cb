"""The paper venue for the conformance suite: its market and its time stand still until asked."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np

from brokers.paper_venue.config import Liquidity, PaperVenueConfig
from brokers.paper_venue.venue import PaperVenue, open_paper_venue
from domain.nanos import MS_NS, parse_ns
from domain.ticks import TickArray, new_records
from tests.contracts.venues.case import Misbehaviour
from trading.venues import Submit

STEP_NS = 10 * MS_NS
"""How far time moves between two looks."""

PART_UNITS = 7000
"""What the first tick of a partial fill holds."""


class PaperCase:
    """A paper account on a file; a `tests.contracts.venues.case.VenueCase`."""

    name = "paper"
    can: frozenset[Misbehaviour] = frozenset({"partial_fill"})

    def __init__(self, folder: Path) -> None:
        self._path = folder / "paper.db"
        self._now_ns = parse_ns("2024-03-05T12:00:00")
        self._market: dict[str, tuple[Decimal, Decimal]] = {}
        self._size = np.nan
        self._venue: PaperVenue | None = None

    def open(self) -> PaperVenue:
        """Return the venue as it wakes up on its file; the one before is gone."""
        self.close()
        config = PaperVenueConfig(liquidity=Liquidity(quoted=True))
        self._venue = open_paper_venue(config, self._path)
        return self._venue

    def quote(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Move the market."""
        self._market[symbol] = bid, ask
        self._pass_time()

    def misbehave(self, what: Misbehaviour) -> None:
        """Let the next tick hold too little for an order."""
        if what not in self.can:
            msg = f"the paper venue cannot play {what}"
            raise NotImplementedError(msg)
        self._size = PART_UNITS

    def submits(self) -> list[str]:
        """Return the client order id of every order that ever reached the venue, in order."""
        return self._open_venue().requests()

    def attribution(self, client_order_id: str) -> tuple[str, str, str]:
        """Return strategy, user and model as the venue has them on record."""
        for command in self._open_venue().commands():
            if isinstance(command, Submit) and command.order.client_order_id == client_order_id:
                return command.order.strategy, command.order.user, command.order.model_id
        raise KeyError(client_order_id)

    def settle(self, done: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Let the log's time pass, the market as it is."""
        for _ in range(round(timeout_s * 1e9) // STEP_NS):
            if done():
                return True
            self._pass_time()
        return done()

    def close(self) -> None:
        """Close the file."""
        if self._venue is not None:
            self._venue.close()
            self._venue = None

    def _open_venue(self) -> PaperVenue:
        if self._venue is None:
            msg = "no venue is open"
            raise ValueError(msg)
        return self._venue

    def _pass_time(self) -> None:
        self._now_ns += STEP_NS
        if self._venue is None:
            return
        for symbol, (bid, ask) in self._market.items():
            self._venue.on_records(symbol, self._tick(bid, ask))

    def _tick(self, bid: Decimal, ask: Decimal) -> TickArray:
        records = new_records(1)
        records["ts_event_ns"] = records["ts_recv_ns"] = self._now_ns
        records["bid"], records["ask"] = float(bid), float(ask)
        records["bid_size"] = records["ask_size"] = self._size
        return records
