"""Splitting SQL: only a semicolon outside quotes and comments ends a statement."""

import pytest

from clickhouse.statements import split_statements


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("", []),
        (" ;; \n", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        (r"SELECT 'it\'s; ' ; SELECT 2", [r"SELECT 'it\'s; '", "SELECT 2"]),
        ("SELECT 'it''s; '; SELECT 2", ["SELECT 'it''s; '", "SELECT 2"]),
        ('SELECT "a;b"; SELECT `c;d`', ['SELECT "a;b"', "SELECT `c;d`"]),
        ("SELECT $x$ ;' $x$; SELECT 2", ["SELECT $x$ ;' $x$", "SELECT 2"]),
        ("-- a; it's\nSELECT 1 -- b;\n;", ["SELECT 1"]),
        ("/* a; 'b */ SELECT 1", ["SELECT 1"]),
        ("SELECT 4 / 2 - 1; SELECT '--'", ["SELECT 4 / 2 - 1", "SELECT '--'"]),
    ],
)
def test_only_a_bare_semicolon_ends_a_statement(sql: str, statements: list[str]) -> None:
    """Quotes, escapes, heredocs and comments may hold semicolons."""
    assert split_statements(sql) == statements


@pytest.mark.parametrize("sql", ["SELECT 'a; SELECT 2", "SELECT `a", "SELECT 1 /* a;"])
def test_what_is_never_closed_is_refused(sql: str) -> None:
    """A forgotten quote must not swallow the rest of a file."""
    with pytest.raises(ValueError, match="never closed"):
        split_statements(sql)
