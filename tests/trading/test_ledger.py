"""The ledger file: what it keeps, and what it refuses."""

import signal
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.errors import Corrupt
from domain.orders import Execution, Order
from trading.ledger import Ledger

ORDER = Order(
    client_order_id="ax1",
    account="paper-1",
    strategy="s",
    signal_id="g",
    symbol="EURUSD",
    side="buy",
    quantity_units=Decimal(18181),
    status="pending_new",
    ts_event_ns=1,
    ts_recv_ns=2,
)
EXECUTION = Execution(
    execution_id="px1",
    client_order_id="ax1",
    account="paper-1",
    symbol="EURUSD",
    side="buy",
    quantity_units=Decimal(18181),
    price=Decimal("1.10020"),
    ts_event_ns=3,
    ts_recv_ns=4,
    pnl_quote=Decimal(0),
    pnl_account=None,
    conversion_rate=None,
)


def test_records_come_back_exactly(tmp_path: Path) -> None:
    """Decimals keep their digits, unknown stays None."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    assert ledger.record_intent(ORDER)
    filled = replace(ORDER, status="filled", average_price=Decimal("1.10020"))
    ledger.record(filled)
    ledger.record_execution(EXECUTION)
    ledger.record_execution(EXECUTION)
    ledger.commit()
    ledger.close()
    ledger = Ledger.open(tmp_path / "ledger.db")
    assert ledger.orders() == [filled]
    assert ledger.executions() == [EXECUTION]
    assert str(ledger.executions()[0].price) == "1.10020"
    assert [event["status"] for event in ledger.events()] == ["pending_new", "filled"]
    ledger.close()


def test_an_id_is_meant_once(tmp_path: Path) -> None:
    """The second intent of an id is refused and changes nothing."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    assert ledger.record_intent(ORDER)
    assert not ledger.record_intent(replace(ORDER, quantity_units=Decimal(1)))
    assert ledger.orders() == [ORDER]
    ledger.close()


def test_what_was_not_committed_is_gone_but_intents_stay(tmp_path: Path) -> None:
    """A kill drops the open call, never an intent."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    ledger.record_intent(ORDER)
    ledger.record(replace(ORDER, status="accepted"))
    ledger.close()
    ledger = Ledger.open(tmp_path / "ledger.db")
    assert ledger.orders() == [ORDER]
    ledger.close()


def test_what_waits_for_a_commit_can_be_read(tmp_path: Path) -> None:
    """The one who writes sees how far an order has come; only the furthest state counts."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    ledger.record_intent(ORDER)
    filled = replace(ORDER, status="filled")
    for order in (replace(ORDER, status="accepted"), filled, ORDER):
        ledger.record(order)
    assert ledger.orders() == [filled]
    assert [event["status"] for event in ledger.events()] == ["pending_new", "accepted", "filled"]
    ledger.record(replace(ORDER, status="accepted"))
    ledger.commit()
    assert ledger.orders() == [filled]
    ledger.close()


def test_a_ledger_in_memory_is_a_ledger() -> None:
    """It keeps the same records, is nobody else's, and is gone once closed."""
    ledger, other = Ledger.open(None), Ledger.open(None)
    assert ledger.record_intent(ORDER)
    assert not ledger.record_intent(ORDER)
    ledger.record_execution(EXECUTION)
    ledger.commit()
    assert (ledger.orders(), ledger.executions()) == ([ORDER], [EXECUTION])
    assert other.orders() == []
    ledger.close()
    other.close()


def test_it_is_written_for_good(tmp_path: Path) -> None:
    """The file is in WAL mode and every commit reaches the disk."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    ask = ledger._connection.exec_driver_sql
    assert ask("PRAGMA journal_mode").scalar_one() == "wal"
    assert ask("PRAGMA synchronous").scalar_one() == 2
    ledger.close()


def damage_header(path: Path) -> None:
    """Overwrite the file with text."""
    path.write_bytes(b"this was a ledger once" * 100)


def damage_version(path: Path) -> None:
    """Claim a later version."""
    store = sqlite3.connect(path)
    store.execute("PRAGMA user_version=9")
    store.close()


def damage_tables(path: Path) -> None:
    """Lose a table."""
    store = sqlite3.connect(path)
    store.execute("DROP TABLE executions")
    store.close()


def damage_page(path: Path) -> None:
    """Overwrite the inside of the file."""
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [damage_header, damage_version, damage_tables, damage_page])
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, damage: object) -> None:
    """Opening says in one line which file cannot be used, and what to do."""
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(path)
    ledger.record_intent(ORDER)
    ledger.close()
    assert callable(damage)
    damage(path)
    with pytest.raises(Corrupt, match=r"ledger .*cannot be used: .*backup$") as caught:
        Ledger.open(path)
    assert "\n" not in str(caught.value)


WRITER = """
import sys
from pathlib import Path
from decimal import Decimal
from domain.orders import Order
from trading.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]))
for number in range(100000):
    order = Order(f"ax{number}", "a", "s", "g", "EURUSD", "buy", Decimal(1), "pending_new", 1, 2)
    assert ledger.record_intent(order)
    print(number, flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_ledger(tmp_path: Path) -> None:
    """After SIGKILL every intent that was reported as written is there, with its event."""
    path = tmp_path / "ledger.db"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    ledger = Ledger.open(path)
    assert len(ledger.orders()) >= told + 1
    assert len(ledger.events()) == len(ledger.orders())
    ledger.close()
