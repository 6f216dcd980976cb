"""The digest of execution quality: the same for the same records, and for no others."""

import hashlib
from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.canonical_quality import quality_sha256
from domain.errors import Corrupt
from domain.quality import QualityCode, QualityEvent
from tests.trading.tca.tape import execution, order
from trading.tca.config import TcaConfig
from trading.tca.query import evaluate

EVENT = QualityEvent(QualityCode.OUTLIER, "x", "o", "A", "EURUSD", "fix", 60, "m", 7.5, 6.0)
RECORDS = evaluate(TcaConfig("USD", ()), [], [order("denied", 1)], [execution(1, "1.1000")])


def test_neither_order_nor_zeros_of_a_store_change_it() -> None:
    """A store gives money back with all the digits that its column has."""
    fill, done = RECORDS
    padded = replace(fill, price=Decimal("1.10000000000"))
    assert quality_sha256([done, EVENT, padded]) == quality_sha256([fill, done, EVENT])


def test_the_form_is_its_name_and_a_line_a_record() -> None:
    """Written out: nobody may change it unnoticed."""
    line = (
        'QualityEvent {"code":"outlier","execution_id":"x","client_order_id":"o","account":"A",'
        '"symbol":"EURUSD","venue":"fix","ts_event_ns":60,"measure":"m","value":7.5,"bound":6.0,'
        '"v":1}'
    )
    by_hand = hashlib.sha256(f"aifx quality 1\n{line}".encode()).hexdigest()
    assert quality_sha256([EVENT]) == by_hand
    assert quality_sha256([]) == hashlib.sha256(b"aifx quality 1").hexdigest()


def test_any_change_changes_it() -> None:
    """A last digit, and unknown instead of 0."""
    fill, _ = RECORDS
    others = [
        replace(fill, price=Decimal("1.1001")),
        replace(fill, gap_cost_pips=0.0),
        replace(fill, stale_benchmarks=0),
    ]
    digests = {quality_sha256([one]) for one in (fill, *others)}
    assert len(digests) == 4


def test_a_doubled_record_is_found() -> None:
    """Two of the same would be one on the way into a store."""
    with pytest.raises(Corrupt, match="1 of 2 records repeat another"):
        quality_sha256([EVENT, EVENT])
