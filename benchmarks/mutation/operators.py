"""The kinds of faults that are seeded: what a slip of the hand, or a rule misread, leaves behind.

Each yields pairs of a node and the text in its place. Text for people is left alone: documentation,
annotations, and strings with a space in them. A state, an event kind or a code becomes the next one
of its kind rather than nonsense, which any lookup would notice.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import get_args

from domain.order_events import EventKind
from domain.orders import OrderStatus
from domain.reasons import Reason
from trading.orders.effects import AlertCode
from trading.orders.machine import Verdict

Change = tuple[ast.AST, str]
"""A node of the file, and the text that takes its place."""

Operator = Callable[[ast.AST], Iterator[Change]]

_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_ARITHMETIC: Mapping[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.BitOr: "&",
}
_CALLS: Mapping[str, str] = {"max": "min", "min": "max", "any": "all", "all": "any"}
_RINGS: Mapping[str, type[StrEnum]] = {
    "Kind": EventKind,
    "EventKind": EventKind,
    "Reason": Reason,
    "AlertCode": AlertCode,
    "Verdict": Verdict,
}
_BRACKETS: Mapping[type[ast.expr], tuple[str, str]] = {
    ast.Tuple: ("(", ")"),
    ast.Set: ("{", "}"),
    ast.List: ("[", "]"),
}
_STATUSES: tuple[str, ...] = get_args(OrderStatus)


def comparison(node: ast.AST) -> Iterator[Change]:
    """Turn a comparison round, or move its bound by one."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        yield node, f"({left} {_COMPARISONS[type(node.ops[0])]} {right})"


def condition(node: ast.AST) -> Iterator[Change]:
    """Exchange ``and`` and ``or``, leave out one part, or negate what is no comparison."""
    if isinstance(node, ast.BoolOp):
        parts = [f"({ast.unparse(value)})" for value in node.values]
        other = " or " if isinstance(node.op, ast.And) else " and "
        yield node, f"({other.join(parts)})"
        same = " and " if isinstance(node.op, ast.And) else " or "
        for index in range(len(parts)):
            yield node, f"({same.join(parts[:index] + parts[index + 1 :])})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, f"({ast.unparse(node.operand)})"
    tests: list[ast.expr] = []
    if isinstance(node, ast.If | ast.IfExp):
        tests = [node.test]
    elif isinstance(node, ast.comprehension):
        tests = node.ifs
    for test in tests:
        if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.BoolOp | ast.NamedExpr):
            yield test, f"(not ({ast.unparse(test)}))"


def arithmetic(node: ast.AST) -> Iterator[Change]:
    """Calculate something else."""
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        yield node, f"(({left}) {_ARITHMETIC[type(node.op)]} ({right}))"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node, f"({ast.unparse(node.operand)})"


def constant(node: ast.AST) -> Iterator[Change]:
    """Take another constant: one more, the other truth, the next status, kind or code."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        ring = _RINGS.get(node.value.id)
        if ring is not None and node.attr in ring.__members__:
            names = list(ring.__members__)
            after = names[(names.index(node.attr) + 1) % len(names)]
            yield node, f"{node.value.id}.{after}"
    if isinstance(node, ast.JoinedStr):
        fixed = "".join(str(v.value) for v in node.values if isinstance(v, ast.Constant))
        if " " not in fixed:
            yield node, f'("XX" + {ast.unparse(node)})'
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if isinstance(value, bool):
        yield node, str(not value)
    elif isinstance(value, int):
        yield node, str(value + 1)
    elif isinstance(value, str) and value in _STATUSES:
        yield node, repr(_STATUSES[(_STATUSES.index(value) + 1) % len(_STATUSES)])
    elif isinstance(value, str) and " " not in value:
        yield node, repr(f"XX{value}")


def call(node: ast.AST) -> Iterator[Change]:
    """Call the opposite, swap the first two arguments, or leave out a named one."""
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield node.func, _CALLS[node.func.id]
    commutes = isinstance(node.func, ast.Name) and node.func.id in _CALLS
    if len(node.args) > 1 and not commutes and not any(map(_is_fixed, node.args[:2])):
        swapped = [node.args[1], node.args[0], *node.args[2:]]
        yield node, ast.unparse(ast.Call(node.func, swapped, node.keywords))
    for index in range(len(node.keywords)):
        rest = node.keywords[:index] + node.keywords[index + 1 :]
        yield node, ast.unparse(ast.Call(node.func, node.args, rest))


def element(node: ast.AST) -> Iterator[Change]:
    """Leave out one element of a tuple, a set, a list or a mapping."""
    if isinstance(node, ast.Tuple | ast.Set | ast.List) and len(node.elts) > 1:
        begin, end = _BRACKETS[type(node)]
        parts = [f"{ast.unparse(part)}," for part in node.elts]
        for index in range(len(parts)):
            yield node, begin + " ".join(parts[:index] + parts[index + 1 :]) + end
    if isinstance(node, ast.Dict) and len(node.keys) > 1:
        for index in range(len(node.keys)):
            keys = node.keys[:index] + node.keys[index + 1 :]
            values = node.values[:index] + node.values[index + 1 :]
            yield node, ast.unparse(ast.Dict(keys, values))


def statement(node: ast.AST) -> Iterator[Change]:
    """Return nothing, or leave a statement out; a name that was bound before keeps its value."""
    # Of a return of None there is nothing to leave out, and None is as good as False.
    constant_ = isinstance(node, ast.Return) and isinstance(node.value, ast.Constant | None)
    if isinstance(node, ast.Return) and not constant_:
        yield node, "return None"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node, "pass"
    if isinstance(node, ast.AugAssign | ast.Raise):
        yield node, "pass"
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield node, "pass"
    if isinstance(node, ast.Continue):
        yield node, "break"
    if isinstance(node, ast.Break):
        yield node, "continue"
    if isinstance(node, ast.FunctionDef):
        bound = {argument.arg for argument in node.args.args + node.args.kwonlyargs}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name):
                if inner.targets[0].id in bound:
                    yield inner, "pass"
                bound.add(inner.targets[0].id)


def _is_fixed(argument: ast.expr) -> bool:
    """Whether an argument cannot be taken for its neighbour: a text, or a row of them."""
    return isinstance(argument, ast.Starred | ast.JoinedStr) or (
        isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )


OPERATORS: tuple[Operator, ...] = (
    comparison,
    condition,
    arithmetic,
    constant,
    call,
    element,
    statement,
)
