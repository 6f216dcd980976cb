"""Which strategies an account has had: read beside its writer, and without a trace."""

from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import Corrupt
from domain.orders import Order
from trading.journal.journal import Journal
from trading.journal.strategies import strategies_in


def order(name: str, strategy: str) -> Order:
    """Return an order of a strategy."""
    return Order(name, "A-1", strategy, "s", "EURUSD", "buy", Decimal(1), "filled", 1, 1)


def test_each_strategy_of_the_account_is_named_once(tmp_path: Path) -> None:
    """While its writer has the store open; another account's are its own."""
    dsn = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    journal = Journal.open(dsn, "A-1")
    journal.acquire("test", 1, 1_000)
    journal.project(order("1", "edge"), order("2", "edge"), order("3", "carry"))
    journal.commit()
    assert strategies_in(dsn, "A-1") == {"edge", "carry"}
    assert strategies_in(dsn, "A-2") == frozenset()
    journal.close()


def test_without_a_journal_there_is_none_and_none_is_made(tmp_path: Path) -> None:
    """An account that has not traded yet."""
    path = tmp_path / "ledger.sqlite"
    assert strategies_in(f"sqlite:///{path}", "A-1") == frozenset()
    assert not path.exists()


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    """Nobody can say then which strategies there are."""
    path = tmp_path / "ledger.sqlite"
    path.touch()
    with pytest.raises(Corrupt):
        strategies_in(f"sqlite:///{path}", "A-1")
