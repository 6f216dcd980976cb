"""Confirmations of a broker from a file, held against the fills of a journal.

The file is CSV in UTF-8: a first line that names the columns, in any order, then a line for each
deal. The columns are the fields of `trading.settlement.confirmations.Confirmation`.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec.structs import fields, replace

from domain.errors import BadUse
from domain.fx_calendar import trade_date
from domain.instruments import INSTRUMENTS
from domain.orders import Execution
from trading.settlement.confirmations import Confirmation, Matching, match, standing
from trading.settlement.rebuilding import Booked
from trading.settlement.value_dates import HolidayCalendar, value_date

_FIELDS = {field.name: field for field in fields(Confirmation)}
_POSITIVE = ("quantity_units", "price")
_COSTS = ("commission", "commission_currency")
_HEAD_LINE = 1


def read_confirmations(path: Path) -> list[Confirmation]:
    """Read a file of confirmations.

    A column that need not be there may be left empty in any line; blank lines count for nothing.

    Raises
    ------
    BadUse
        If there is no such file, or a line of it cannot be meant so: with line and column.
    """
    try:
        # Spreadsheets put a byte order mark in front, and csv itself splits the lines.
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_confirmations(path, file))
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise BadUse(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} is not UTF-8: {error.reason} at byte {error.start}"
        raise BadUse(msg) from error


def confirmed(
    booked: Booked,
    day: date,
    currency: str,
    calendar: HolidayCalendar,
    confirmations: Iterable[Confirmation],
) -> Matching:
    """Match confirmations with the fills of a trade date, and of any other that they name.

    Parameters
    ----------
    currency
        ISO 4217 code of the account: that of a commission which is booked without one.
    calendar
        Days on which nothing settles.
    """
    given = list(confirmations)
    named = {one.execution_id for one in given}
    wanted = [
        _with_currency(one, currency)
        for one in standing(booked.executions)
        if one.execution_id in named or trade_date(one.ts_event_ns) == day
    ]
    settles = {
        one.execution_id: value_date(INSTRUMENTS[one.symbol], trade_date(one.ts_event_ns), calendar)
        for one in wanted
    }
    return match(wanted, given, settles)


def rows(matching: Matching) -> list[str]:
    """Return a matching as lines of a table for people: what matches, then what does not."""
    return [
        *(f"{'matched':<14}{name}" for name in matching.matched),
        *(
            f"{'differs':<14}{one.execution_id}  {one.field}: ours {one.ours}, theirs {one.theirs}"
            for one in matching.differences
        ),
        *(f"{'ours alone':<14}{name}" for name in matching.unconfirmed),
        *(f"{'theirs alone':<14}{name}" for name in matching.unknown),
    ]


def _with_currency(execution: Execution, currency: str) -> Execution:
    if not execution.commission or execution.commission_currency:
        return execution
    return replace(execution, commission_currency=currency)


def _confirmations(path: Path, file: Iterable[str]) -> Iterator[Confirmation]:
    reader = csv.reader(file, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        _require_columns(path, columns)
        for cells in reader:
            if cells:
                yield _confirmation(path, reader.line_num, columns, cells)
    except csv.Error as error:
        raise _fault(path, reader.line_num, str(error)) from error


def _require_columns(path: Path, columns: list[str]) -> None:
    needed = {name for name, field in _FIELDS.items() if field.required}
    for what, names in (
        ("no column", needed - set(columns)),
        ("an unknown column", set(columns) - _FIELDS.keys()),
        ("more than one column", {name for name in columns if columns.count(name) > 1}),
    ):
        if names:
            why = f"{what} {', '.join(sorted(names))}; the columns are {', '.join(_FIELDS)}"
            raise _fault(path, _HEAD_LINE, why)


def _confirmation(path: Path, line: int, columns: list[str], cells: list[str]) -> Confirmation:
    if len(cells) != len(columns):
        raise _fault(path, line, f"{len(cells)} cells for {len(columns)} columns")
    texts = dict(zip(columns, map(str.strip, cells), strict=True))
    values: dict[str, str | Decimal | date] = {}
    for name, text in texts.items():
        try:
            if text or _FIELDS[name].required:
                values[name] = _value(name, text)
        except ValueError as error:
            raise _fault(path, line, f"column {name}: {text!r} {error}") from error
    if sum(name in values for name in _COSTS) == 1:
        raise _fault(path, line, f"columns {' and '.join(_COSTS)}: give both or neither")
    return msgspec.convert(values, Confirmation)


def _value(name: str, text: str) -> str | Decimal | date:
    """Return a cell as a value of its column; ValueError says what is wrong with it."""
    if not text:
        msg = "is empty, and must be given"
        raise ValueError(msg)
    try:
        value: str | Decimal | date | None = msgspec.convert(text, _FIELDS[name].type, strict=False)
    except msgspec.ValidationError as error:
        msg = f"cannot be read: {error}"
        raise ValueError(msg) from error
    if value is None:
        msg = "is a word for nothing: leave it empty"
        raise ValueError(msg)
    if isinstance(value, Decimal):
        if not value.is_finite():
            msg = "is no number"
            raise ValueError(msg)
        if name in _POSITIVE and value <= 0:
            msg = "must be above 0"
            raise ValueError(msg)
    return value


def _fault(path: Path, line: int, why: str) -> BadUse:
    return BadUse(f"{path} line {line}: {why}")
