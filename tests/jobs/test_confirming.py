"""``aifx statement --confirmations``: a broker's file against a journal, at the command line."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from domain.errors import BadUse
from domain.nanos import SECOND_NS, to_ns
from domain.orders import Execution
from jobs.cli import app
from jobs.confirming import read_confirmations
from jobs.statement import StatedDay
from trading.desk.entries import draft_of
from trading.journal.journal import Journal
from trading.settlement.confirmations import Confirmation, Difference

D = Decimal
NOON = to_ns(datetime(2014, 5, 7, 12, tzinfo=UTC))
DAY_NS = 86_400 * SECOND_NS
HEAD = "execution_id,account,symbol,side,quantity_units,price"
X1 = "x1,A-1,EURUSD,buy,1000,1.3900"
X2 = "x2,A-1,EURUSD,buy,1000,1.3900"


def fill(name: str, ts_event_ns: int = NOON) -> Execution:
    """Return a fill of 1,000 EURUSD at 1.39 for half a unit of account currency."""
    return Execution(
        name,
        f"order of {name}",
        "A-1",
        "EURUSD",
        "buy",
        D(1_000),
        D("1.39"),
        ts_event_ns,
        ts_event_ns,
        D(0),
        D(0),
        None,
        D("0.5"),
        "",
        D("0.5"),
    )


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    """Write a journal with two fills on 7 May and one on 8 May; return its DSN."""
    dsn = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    journal = Journal.open(dsn, "A-1")
    journal.acquire("test", NOON, 60 * SECOND_NS)
    for one in (fill("x1"), fill("x2"), fill("x3", NOON + DAY_NS)):
        journal.append(draft_of(one))
    journal.commit()
    journal.close()
    return dsn


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where a file of confirmations may be."""
    return tmp_path / "confirmations.csv"


def written(file: Path, *lines: str) -> Path:
    """Write lines into the file."""
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def stated(ledger: str, file: Path, *options: str) -> tuple[int, str]:
    """Return exit code and output of the statement of 7 May."""
    day = ["--ledger", ledger, "--date", "2014-05-07", "--confirmations", str(file)]
    result = CliRunner().invoke(app, ["statement", *day, *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


def test_a_day_that_is_confirmed_is_whole(ledger: str, file: Path) -> None:
    """Costs and value date too, in other digits; the account's currency stands for none."""
    costs = "2014-05-09,0.50,USD"
    head = f"{HEAD},value_date,commission,commission_currency"
    code, text = stated(ledger, written(file, head, f"{X1},{costs}", "", f"{X2},,,"))
    assert code == 0
    assert "\nConfirmations\nmatched       x1\nmatched       x2\n\nChecks\n" in text
    assert "\nok        fills are as confirmed\n" in text


def test_what_does_not_match_is_named_and_is_exit_code_1(ledger: str, file: Path) -> None:
    """A fill of another day that the file names is held against its own, not counted as strange."""
    wrong = "x3,A-1,EURUSD,buy,1000,1.3901"
    code, text = stated(ledger, written(file, HEAD, X1, wrong, X2.replace("x2", "x9")))
    assert code == 1
    assert (
        "\nConfirmations\n"
        "matched       x1\n"
        "differs       x3  price: ours 1.39, theirs 1.3901\n"
        "ours alone    x2\n"
        "theirs alone  x9\n"
    ) in text
    assert "\noff by 3  fills are as confirmed\n" in text


def test_json_has_the_same(ledger: str, file: Path) -> None:
    """With the fields of a matching, and the check among the others."""
    late = f"{X1},2014-05-12"
    code, text = stated(ledger, written(file, f"{HEAD},value_date", late), "--json")
    found = msgspec.json.decode(text, type=StatedDay)
    assert code == 1
    assert found.confirmations is not None
    assert found.confirmations.differences == (
        Difference("x1", "value_date", "2014-05-09", "2014-05-12"),
    )
    assert found.confirmations.unconfirmed == ("x2",)
    assert (found.checks[-1].name, found.checks[-1].difference) == ("fills are as confirmed", D(2))


def test_without_a_file_nothing_is_matched(ledger: str) -> None:
    """No section, no check."""
    result = CliRunner().invoke(app, ["statement", "--ledger", ledger])
    assert (result.exit_code, "onfirm" in result.stdout) == (0, False)


def test_columns_come_in_any_order_and_with_the_mark_of_a_spreadsheet(file: Path) -> None:
    """Spaces around a cell, quotes and the ends of lines of another system are no part of it."""
    text = "price, symbol,side,account,execution_id,quantity_units\r\n1.39,EURUSD,sell,A-1, x1,1e3"
    file.write_text(f'{text}\r\n"1.4",EURUSD,buy,A-1,x2,5\r\n', encoding="utf-8-sig")
    assert read_confirmations(file) == [
        Confirmation("x1", "A-1", "EURUSD", "sell", D(1_000), D("1.39")),
        Confirmation("x2", "A-1", "EURUSD", "buy", D(5), D("1.4")),
    ]


def test_all_that_a_confirmation_may_say_is_read(file: Path) -> None:
    """Optional columns, given in one line and left empty in the other."""
    head = f"{HEAD},value_date,commission,commission_currency"
    given, bare = read_confirmations(written(file, head, f"{X1},2014-05-09,-0.1,EUR", f"{X2},,,"))
    assert (given.value_date, given.commission) == (date(2014, 5, 9), D("-0.1"))
    assert given.commission_currency == "EUR"
    assert (bare.value_date, bare.commission, bare.commission_currency) == (None, None, "")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), r"line 1: no column account, execution_id, price, quantity_units, side, symbol; the"),
        ((f"{HEAD},prise",), r"line 1: an unknown column prise; the columns are execution_id, acc"),
        ((f"{HEAD},price",), r"line 1: more than one column price; "),
        ((HEAD, X1, "x2,A-1"), r"line 3: 2 cells for 6 columns$"),
        ((HEAD, X1, X2.replace("1.39", "1;39")), r"line 3: column price: '1;3900' cannot be read"),
        ((HEAD, X1.replace("buy", "B")), r"line 2: column side: 'B' cannot be read: Invalid enum"),
        ((HEAD, X1.replace("1000", "-1000")), r"column quantity_units: '-1000' must be above 0"),
        ((HEAD, X1.replace("1.39", "nan")[:-2]), r"line 2: column price: 'nan' is no number"),
        ((HEAD, X1.replace("x1", " ")), r"column execution_id: '' is empty, and must be given"),
        ((f"{HEAD},value_date", f"{X1},9.5.2014"), r"column value_date: '9\.5\.2014' cannot be "),
        (
            (f"{HEAD},commission,commission_currency", f"{X1},null,USD"),
            r"line 2: column commission: 'null' is a word for nothing: leave it empty",
        ),
        (
            (f"{HEAD},commission,commission_currency", f"{X1},0.5,"),
            r"line 2: columns commission and commission_currency: give both or neither",
        ),
        ((HEAD, '"x\n1",A-1', X2), r"line 3: 2 cells"),
        ((HEAD, f'{X1[:-6]}"1.39'), r"line 2: unexpected end of data"),
    ],
)
def test_a_bad_file_is_named_with_line_and_column(
    file: Path, lines: tuple[str, ...], words: str
) -> None:
    """One line of words, and nothing is matched."""
    with pytest.raises(BadUse, match=words):
        read_confirmations(written(file, *lines))


def test_a_file_that_is_none_is_told(file: Path) -> None:
    """Missing, or of another encoding."""
    with pytest.raises(BadUse, match=r"confirmations\.csv cannot be read: No such file"):
        read_confirmations(file)
    file.write_bytes(f"{HEAD}\nx\xe9".encode("latin-1"))
    with pytest.raises(BadUse, match=r"is not UTF-8: .* at byte"):
        read_confirmations(file)
