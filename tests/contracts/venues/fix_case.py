"""The FIX venue for the conformance suite: the engine on both sides of a loopback line."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr

from brokers.fix.config import FixConfig
from brokers.fix.terms import BY_AGREEMENT
from domain.instruments import INSTRUMENTS
from testkit.venues.fix.acceptor import FAULTS, FixAcceptor
from tests.contracts.venues.case import Misbehaviour
from trading.venues import Venue, VenueInstrument


def listed(symbol: str) -> VenueInstrument:
    """Return a pair as the double spells it."""
    one = INSTRUMENTS[symbol]
    return VenueInstrument(
        symbol=symbol,
        name=f"{one.base}/{one.quote}",
        pip_location=one.pip_location,
        price_step=one.tick_size,
        units_step=Decimal(one.step_units),
        min_units=Decimal(one.min_units),
        max_units=Decimal(one.max_units),
        margin_rate=Decimal("0.02"),
    )


class FixCase:
    """One counterparty with a market; a `tests.contracts.venues.case.VenueCase`.

    Parameters
    ----------
    folder
        Where both sides keep their sequence numbers.
    symbols
        Tradable pairs.
    """

    name = "fix"
    can: frozenset[Misbehaviour] = frozenset(FAULTS)

    def __init__(self, folder: Path, symbols: tuple[str, ...] = ("EURUSD", "USDJPY")) -> None:
        self._folder = folder
        self._instruments = {symbol: listed(symbol) for symbol in symbols}
        names = frozenset(one.name for one in self._instruments.values())
        self.acceptor = FixAcceptor(folder / "acceptor", names)
        self._opened: list[Venue] = []

    def open(self) -> Venue:
        """Return a new adapter on the same session; one that still runs is ended before."""
        for venue in self._opened:
            venue.stop()
        config = FixConfig(
            host="127.0.0.1",
            port=self.acceptor.port,
            sender="AIFX",
            target="LP",
            account="ACC-1",
            currency="USD",
            instruments=self._instruments,
            store=self._folder / "initiator",
            username="trader",
            password=SecretStr("conformance"),
            session="continuous",
            reconnect_s=0,
            # Shorter than the double refuses connections, so that a start fails while it does.
            logon_timeout_s=1.5,
            answer_timeout_s=1.0,
            position_requests=True,
            order_types=BY_AGREEMENT,
        )
        venue = config.open()
        self._opened.append(venue)
        return venue

    def quote(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Move the market; working orders trigger and fill against it."""
        self.acceptor.quote(self._instruments[symbol].name, bid, ask)

    def misbehave(self, what: Misbehaviour) -> None:
        """Play a fault."""
        if what not in FAULTS:
            msg = f"the FIX double cannot play {what}"
            raise NotImplementedError(msg)
        self.acceptor.misbehave(what)

    def submits(self) -> list[str]:
        """Return the client order id of every order that ever reached the double, in order."""
        return list(self.acceptor.market.submits)

    def attribution(self, client_order_id: str) -> tuple[str, str, str]:
        """Return strategy, user and model as they stand on the order at the double."""
        message = self.acceptor.market.submitted(client_order_id)
        strategy, _, model = message[58].partition("/")
        return strategy, message[448], model

    def settle(self, done: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Let time pass until something is true; say whether it became true."""
        deadline = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def close(self) -> None:
        """End the double, and the adapters that still run."""
        for venue in self._opened:
            venue.stop()
        self.acceptor.close()
