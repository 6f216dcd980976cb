"""What an adapter for Interactive Brokers needs to know."""

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import msgspec

ORDER_SIZES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "USD": (25_000, 6_000_000),
        "AUD": (30_000, 7_000_000),
        "CAD": (30_000, 7_000_000),
        "CHF": (30_000, 7_000_000),
        "EUR": (20_000, 5_000_000),
        "GBP": (17_000, 4_000_000),
        "HKD": (200_000, 50_000_000),
        "JPY": (2_500_000, 550_000_000),
        "MXN": (325_000, 80_000_000),
        "NOK": (160_000, 40_000_000),
        "NZD": (40_000, 9_000_000),
        "SEK": (200_000, 45_000_000),
        "SGD": (35_000, 5_000_000),
    }
)
"""Smallest and largest order on IDEALPRO by base currency, in its units. Below the smallest an
order is an odd lot: routed elsewhere, at a worse price, its limit not shown."""


class IbSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the gateway is, and how this account trades there.

    Attributes
    ----------
    account
        The broker's id (``DU1234567``); must be among those that the gateway manages.
    folder
        Where the high-water mark of order ids is kept; lives as long as the account is traded.
    client_id
        Number of the API client (>= 0). Orders belong to the client that placed them: keep it. Set
        it as the gateway's master client too, or orders of others are seen by snapshots only.
    symbols
        Canonical pairs to trade.
    odd_lots
        Whether orders below IDEALPRO's smallest may be sent.
    order_sizes
        Smallest and largest order by base currency; other currencies are bound by the contract.
    margin_rate
        Part of the notional asked as margin, in (0, 1]: contract details do not tell it.
    fill_or_kill
        Allow FOK. IDEALPRO does not list it among its times in force; another exchange may.
    regulatory_fields
        Send model, strategy and user in the MiFID II and operator fields of an order. Accounts for
        which these are not set up at the broker may see their orders refused.
    answer_timeout_s
        A command without an answer for so long is in doubt (> 0).
    logon_timeout_s, reconnect_s, longest_reconnect_s
        Wait for a logon; first and longest pause between attempts, doubling (> 0).
    settle_s
        For so long after a reconnect an order that is nowhere is not called unknown: after its
        daily reset the gateway reports empty lists until it is ready (>= 0).
    watch_s
        How often the clock is compared with the reset window (> 0).
    reset_from, reset_until
        Daily reset, New York time; no order leaves meanwhile.
    """

    account: str
    folder: Path
    host: str = "127.0.0.1"
    port: int = 4002
    client_id: int = 1
    symbols: tuple[str, ...] = ("EURUSD",)
    odd_lots: bool = False
    order_sizes: Mapping[str, tuple[int, int]] = ORDER_SIZES
    margin_rate: Decimal = Decimal("0.05")
    fill_or_kill: bool = False
    regulatory_fields: bool = True
    answer_timeout_s: float = 10.0
    logon_timeout_s: float = 10.0
    reconnect_s: float = 0.5
    longest_reconnect_s: float = 30.0
    settle_s: float = 60.0
    watch_s: float = 1.0
    reset_from: time = time(23, 45)
    reset_until: time = time(0, 5)
