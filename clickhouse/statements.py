"""Split a SQL file into statements without being fooled by quotes or comments."""

import re

_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<quoted>
          '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*`
        | (?P<tag>\$\w*\$).*?(?P=tag) )
    | (?P<end> ; )
    | (?P<open> ['"`] | /\* )
    | (?P<text> [^;'"`/$-]+ | [/$-] )
    """,
    re.VERBOSE | re.DOTALL,
)


def split_statements(sql: str) -> list[str]:
    """Return the statements of a SQL text, without comments and without empty ones.

    Only a semicolon outside quotes and comments ends a statement.

    Raises
    ------
    ValueError
        If a quote or a comment is never closed.
    """
    statements: list[str] = []
    current: list[str] = []
    for token in _TOKEN.finditer(sql):
        if token.lastgroup == "open":
            line = sql.count("\n", 0, token.start()) + 1
            msg = f"line {line}: {token.group()} is never closed"
            raise ValueError(msg)
        if token.lastgroup == "end":
            statements.append("".join(current).strip())
            current = []
        else:
            current.append(" " if token.lastgroup == "comment" else token.group())
    statements.append("".join(current).strip())
    return [statement for statement in statements if statement]
