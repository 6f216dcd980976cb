"""Every mutant of a source file."""

import ast
from collections.abc import Iterator
from pathlib import Path

from benchmarks.mutation.mutant import Mutant
from benchmarks.mutation.operators import OPERATORS

_TYPING = frozenset({"annotation", "returns", "decorator_list"})
"""Parts of a tree that only a type checker reads; so do, but for its body, those of a class."""


def mutants(root: Path, path: str) -> list[Mutant]:
    """Return all mutants of one file, in the order of their places.

    Parameters
    ----------
    root, path
        Root of the repository, and the file from there.
    """
    text = (root / path).read_text()
    tree = ast.parse(text)
    spots = _Spots(text)
    unchanged = ast.dump(tree)
    functions = list(_functions(tree, ""))
    found: dict[tuple[int, int, str], Mutant] = {}
    for node in _mutable(tree):
        for operator in OPERATORS:
            for target, after in operator(node):
                begin, end = spots.span(target)
                source = spots.text(0, begin) + after + spots.text(end, spots.size)
                if ast.dump(ast.parse(source)) == unchanged:
                    continue
                line = spots.line(begin)
                around = (name for name, first, last in functions if first <= line <= last)
                mutant = Mutant(
                    path=path,
                    line=line,
                    function=next(around, ""),
                    operator=operator.__name__,
                    before=spots.text(begin, end),
                    after=after,
                    source=source,
                )
                found.setdefault((begin, end, after), mutant)
    return [found[key] for key in sorted(found)]


class _Spots:
    """Places of nodes in a text; columns are counted in UTF-8 bytes, as `ast` does."""

    def __init__(self, text: str) -> None:
        self._raw = text.encode()
        self._starts = [0]
        for line in self._raw.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self.size = len(self._raw)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where a node begins and ends."""
        if not isinstance(node, ast.expr | ast.stmt):
            msg = f"{type(node).__name__} has no place in the text"
            raise TypeError(msg)
        begin = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        return begin, end

    def text(self, begin: int, end: int) -> str:
        """Return the text between two places."""
        return self._raw[begin:end].decode()

    def line(self, place: int) -> int:
        """Return the line of a place, from 1."""
        return self._raw.count(b"\n", 0, place) + 1


def _functions(node: ast.AST, scope: str) -> Iterator[tuple[str, int, int]]:
    """Return functions and methods, each with the first and the last line of its body."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            last = child.end_lineno or child.lineno
            yield f"{scope}{child.name}", child.body[0].lineno, last
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{scope}{child.name}.")


def _mutable(node: ast.AST) -> Iterator[ast.AST]:
    """Return the nodes below one that may change: no documentation, no import, no declaration."""
    for name, value in ast.iter_fields(node):
        if name in _TYPING or (isinstance(node, ast.ClassDef) and name != "body"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Import | ast.ImportFrom):
                continue
            if _is_text(child) or _is_declared(node, child):
                continue
            yield child
            if not isinstance(child, ast.JoinedStr):
                yield from _mutable(child)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_declared(parent: ast.AST, node: ast.AST) -> bool:
    """Whether it names a type, or a member of an enumeration: any name would do."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
        return False
    member = isinstance(parent, ast.ClassDef)
    return member or (isinstance(parent, ast.Module) and not node.targets[0].id.isupper())
