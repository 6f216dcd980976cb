"""From settings to the adapter of a broker. Nothing else in the project makes one.

Each adapter is loaded only where its broker is chosen: its library may not even be installed.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from config.settings import Settings
from config.trading_settings import BrokerSettings
from domain.errors import BadUse
from domain.instruments import INSTRUMENTS
from trading.venues import Venue, VenueInstrument

if TYPE_CHECKING:
    from brokers.fix.tls import Tls

TOKEN_VARIABLE = "AIFX__BROKER__TOKEN"  # noqa: S105 - the name of a variable, not what it holds
_IB_PORT, _IB_LIVE_PORT = 4002, 4001
"""Of IB Gateway for paper and for live accounts, as it is installed."""


def open_venue(
    settings: Settings, symbols: tuple[str, ...], folder: Path, wall_ns: Callable[[], int]
) -> Venue:
    """Return the adapter of the configured broker, not started.

    Parameters
    ----------
    symbols
        What will be traded.
    folder
        Of the account, kept for as long as it is traded.
    wall_ns
        Clock of receive times.

    Raises
    ------
    BadUse
        If a setting is missing, or the broker's library is.
    """
    kind = settings.broker.kind
    if kind == "oanda":
        return _oanda(settings, wall_ns)
    if kind == "ib":
        return _ib(settings, symbols, folder, wall_ns)
    if kind == "fix":
        return _fix(settings, symbols, folder, wall_ns)
    msg = "broker.kind paper is no broker: its venue plays the log's own records"
    raise BadUse(msg)


def _oanda(settings: Settings, wall_ns: Callable[[], int]) -> Venue:
    from brokers.oanda.config import OandaConfig
    from brokers.oanda.credentials import Token
    from brokers.oanda.venue import OandaVenue

    broker = settings.broker
    token = Token(path=Path(broker.token_file)) if broker.token_file else Token(TOKEN_VARIABLE)
    config = OandaConfig(
        account_id=broker.account_id,
        allowed_accounts=frozenset({broker.account_id}),
        token=token,
        host=broker.mode,
        url=broker.url,
        stream_url=broker.stream_url or broker.url,
        position_mode=settings.execution.position_mode,
    )
    return OandaVenue(config, wall_ns=wall_ns)


def _ib(
    settings: Settings, symbols: tuple[str, ...], folder: Path, wall_ns: Callable[[], int]
) -> Venue:
    from brokers.ib.settings import IbSettings
    from brokers.ib.venue import IbVenue

    broker = settings.broker
    config = IbSettings(
        account=broker.account_id,
        folder=folder,
        host=broker.host,
        port=broker.port or (_IB_LIVE_PORT if broker.mode == "live" else _IB_PORT),
        client_id=broker.client_id,
        symbols=symbols,
        odd_lots=broker.odd_lots,
        fill_or_kill=broker.fill_or_kill,
        regulatory_fields=broker.regulatory_fields,
    )
    return IbVenue(config, wall_ns)


def _fix(
    settings: Settings, symbols: tuple[str, ...], folder: Path, wall_ns: Callable[[], int]
) -> Venue:
    from brokers.fix.config import FixConfig
    from brokers.secret_file import SecretFile

    broker = settings.broker
    password_file = None
    if broker.password_file:
        password_file = SecretFile(Path(broker.password_file), "the FIX password")
    config = FixConfig(
        host=broker.host,
        port=broker.port,
        sender=broker.sender,
        target=broker.target,
        account=broker.account_id,
        currency=settings.execution.account_currency,
        instruments=_agreed(symbols, broker.instruments_file),
        store=folder / "fix",
        username=broker.username,
        password=broker.password,
        password_file=password_file,
        tls=_tls(broker) if broker.tls else None,
        sender_sub=broker.sender_sub,
        target_sub=broker.target_sub,
        heartbeat_s=broker.heartbeat_s,
        session=broker.session,
        session_from=broker.session_from,
        session_until=broker.session_until,
        reset_on_logon=broker.reset_on_logon,
        mass_status=broker.mass_status,
        position_requests=broker.position_requests,
        order_types=frozenset(broker.order_types),
    )
    return config.open(wall_ns)


def _tls(broker: BrokerSettings) -> "Tls":
    from brokers.fix.tls import Tls

    def path(name: str) -> Path | None:
        return Path(name) if name else None

    return Tls(
        ca_file=path(broker.tls_ca_file),
        certificate_file=path(broker.tls_certificate_file),
        key_file=path(broker.tls_key_file),
        server_name=broker.tls_server_name,
    )


def _agreed(symbols: tuple[str, ...], path: str) -> dict[str, VenueInstrument]:
    """Return the pairs as agreed with a FIX counterparty, which sends no such data itself."""
    if path:
        try:
            listed = msgspec.json.decode(Path(path).read_bytes(), type=list[VenueInstrument])
        except (OSError, msgspec.MsgspecError) as error:
            msg = f"broker.instruments_file {path} cannot be read: {error}"
            raise BadUse(msg) from error
        return {one.symbol: one for one in listed}
    return {symbol: _usual(symbol) for symbol in symbols}


def _usual(symbol: str) -> VenueInstrument:
    pair = INSTRUMENTS[symbol]
    return VenueInstrument(
        symbol=symbol,
        name=f"{pair.base}/{pair.quote}",
        pip_location=pair.pip_location,
        price_step=pair.tick_size,
        units_step=Decimal(pair.step_units),
        min_units=Decimal(pair.min_units),
        max_units=Decimal(pair.max_units),
        margin_rate=Decimal("0.05"),
    )
