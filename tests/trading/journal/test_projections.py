"""The tables of orders, executions and positions: exact, atomic with the entries, made anew."""

import msgspec
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from domain.errors import BadUse
from domain.orders import Execution, Order, Position
from tests.trading.journal.stores import (
    EXECUTION,
    ORDER,
    POSITION,
    TTL_NS,
    draft,
    filled,
    meddle,
    opened,
    writing,
)
from trading.journal import tables
from trading.journal.errors import Fenced
from trading.journal.projections import Record

FULL = replace(
    ORDER,
    client_order_id="ax2",
    status="filled",
    in_doubt=True,
    limit_price=ORDER.quantity_units / 7,
    expire_ns=2**62,
    venue="paper",
    user="Zoë",
)


@pytest.mark.parametrize(
    ("table", "record"),
    [
        (tables.orders, Order),
        (tables.executions, Execution),
        (tables.positions, Position),
    ],
)
def test_a_table_has_a_column_for_every_field(table: sa.Table, record: type[Record]) -> None:
    """In the order of the fields; a new field needs a new migration."""
    names = [field.name for field in msgspec.structs.fields(record)]
    assert table.columns.keys() == names


def test_records_come_back_exactly(dsn: str) -> None:
    """Decimals keep their digits, unknown stays None, and the last state of a key counts."""
    with writing(dsn) as journal:
        journal.project(ORDER, EXECUTION, POSITION)
        journal.project(FULL, replace(ORDER, status="accepted"))
        journal.append(draft(1))
        journal.commit()
        journal.project(replace(POSITION, units=-POSITION.units))
        journal.commit()
    with opened(dsn) as journal:
        assert journal.orders() == [replace(ORDER, status="accepted"), FULL]
        assert journal.executions() == [EXECUTION]
        assert journal.positions() == [replace(POSITION, units=-POSITION.units)]
        assert str(journal.executions()[0].price) == "1.10020"
        assert str(journal.positions()[0].unrealised_account) == "-0.50"


def test_records_are_committed_with_their_entries(dsn: str) -> None:
    """What was not committed is in neither; a fence keeps both out."""
    with writing(dsn) as journal:
        journal.append(draft(1))
        journal.project(ORDER)
        assert (journal.orders(), journal.head.seq) == ([], 1)
        with opened(dsn) as other:
            other.acquire("other", TTL_NS, TTL_NS)
        with pytest.raises(Fenced):
            journal.commit()
        assert journal.orders() == []


def test_a_record_of_another_account_is_refused(sqlite_dsn: str) -> None:
    """It would be found by nobody."""
    with writing(sqlite_dsn) as journal, pytest.raises(BadUse, match="not for the journal of"):
        journal.project(ORDER, replace(ORDER, account="other"))


def test_each_account_has_its_own(dsn: str) -> None:
    """Two accounts may use one id, and a rebuild of one leaves the other alone."""
    other = replace(ORDER, account="other", status="canceled")
    with writing(dsn) as journal:
        journal.project(ORDER)
        journal.commit()
        with writing(dsn, "other") as second:
            second.project(other)
            second.commit()
            assert second.rebuild([]) == 1
            assert second.rebuild([other]) == 1
            assert second.orders() == [other]
        assert journal.orders() == [ORDER]


MEDDLING = {
    "nothing": ([], 0),
    "an edit": (["UPDATE orders SET status = 'filled' WHERE client_order_id = 'ax1'"], 1),
    "an impossible value": (["UPDATE orders SET side = 'up' WHERE client_order_id = 'ax1'"], 1),
    "a loss": (["DELETE FROM executions"], 1),
    "an addition": (
        [
            "UPDATE positions SET symbol = 'USDJPY'",
            "UPDATE orders SET client_order_id = 'ax3' WHERE client_order_id = 'ax2'",
        ],
        4,
    ),
}


@pytest.mark.parametrize("what", MEDDLING)
def test_the_tables_are_made_anew_and_say_how_wrong_they_were(dsn: str, what: str) -> None:
    """A rebuild after any damage gives the tables of before; after none it finds nothing."""
    records: list[Record] = [ORDER, FULL, EXECUTION, POSITION]
    with writing(dsn) as journal:
        journal.project(*records)
        journal.commit()
        statements, wrong = MEDDLING[what]
        meddle(dsn, *statements)
        assert journal.rebuild(records) == wrong
        assert [*journal.orders(), *journal.executions(), *journal.positions()] == records
        assert journal.rebuild(records) == 0


def test_a_rebuild_commits_the_entries_that_wait(dsn: str) -> None:
    """And drops the records that wait: the fold has them."""
    filled(dsn, 1)
    with writing(dsn) as journal:
        journal.append(draft(2))
        journal.project(FULL)
        assert journal.rebuild([ORDER]) == 1
        assert (journal.orders(), journal.head.seq) == ([ORDER], 4)


def test_the_tables_of_a_store_in_memory_are_there_when_they_are_read() -> None:
    """Exactly what was committed, the last state of each record, and again after a rebuild."""
    with writing("sqlite://") as journal:
        journal.project(ORDER, POSITION)
        assert journal.orders() == []
        journal.commit()
        journal.project(replace(ORDER, status="accepted"))
        assert journal.orders() == [ORDER]
        journal.commit()
        assert journal.orders() == [replace(ORDER, status="accepted")]
        journal.project(EXECUTION)
        journal.commit()
        assert journal.rebuild([FULL, EXECUTION]) == 3
        assert journal.orders() == [FULL]
        assert (journal.executions(), journal.positions()) == ([EXECUTION], [])
