"""What an ONNX file asks for, read from its bytes without loading it.

A model may name tensors in other files (``external_data``: a path that could leave the folder, and
bytes that no hash covers) and operators of other domains (native code of a library). The runtime
would follow both. So the file is walked before the runtime sees it: the protobuf wire format [1]_
by the field numbers of ``onnx.proto`` [2]_, without a protobuf library.

References
----------
.. [1] Protocol Buffers, "Encoding", protobuf.dev/programming-guides/encoding.
.. [2] ONNX, ``onnx/onnx.proto``, IR version 10.
"""

import re
from collections.abc import Iterator

from domain.errors import Corrupt

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""Operator sets of the standard; an empty name is ``ai.onnx``."""

_MAX_DEPTH = 32
"""Subgraphs in subgraphs: no trained model comes near, and recursion without end would crash."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1
"""``TensorProto.DataLocation.EXTERNAL``."""

# Parts of a message that are walked into: message -> field -> message of the field.
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "opset": {},
}
_DOMAIN_FIELD = {"node": 7, "function": 10, "opset": 1}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14

# A tree ensemble keeps hundreds of thousands of numbers as single fields (``floats`` 7 and ``ints``
# 8 of an attribute): a run of them is passed over at once. ``++`` gives nothing back.
_NUMBERS = re.compile(
    rb"(?:(?:\x3d[\x00-\xff]{4})|(?:\x40[\x80-\xff]{0,9}[\x00-\x7f]))++", re.DOTALL
)


def scan(model: bytes) -> None:
    """Refuse an ONNX file that reaches beyond itself.

    Parameters
    ----------
    model
        Content of the file.

    Raises
    ------
    Corrupt
        If it is no protobuf message of the shape of a model, keeps tensors in other files, or uses
        operators outside `DOMAINS`.
    """
    seen_graph = False
    for what, field, value in _walk(model, "model", 0):
        seen_graph |= what == "model" and field == 7
        if what == "tensor" and (
            field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value == _EXTERNAL)
        ):
            msg = (
                "model.onnx keeps tensors in other files (external data): export it whole, in one "
                "file"
            )
            raise Corrupt(msg)
        if field == _DOMAIN_FIELD.get(what):
            domain = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
            if domain not in DOMAINS:
                msg = (
                    f"model.onnx uses operators of the domain {domain!r}: only ai.onnx and "
                    "ai.onnx.ml are served"
                )
                raise Corrupt(msg)
    if not seen_graph:
        msg = "model.onnx is no ONNX model: it holds no graph"
        raise Corrupt(msg)


def _walk(raw: bytes, what: str, depth: int) -> Iterator[tuple[str, int, bytes | int]]:
    """Give every field of a message and of its parts: name of the message, number, value."""
    if depth > _MAX_DEPTH:
        msg = f"model.onnx is nested more than {_MAX_DEPTH} deep"
        raise Corrupt(msg)
    children = _CHILDREN[what]
    at, end = 0, len(raw)
    while at < end:
        if what == "attribute" and (run := _NUMBERS.match(raw, at)) is not None:
            at = run.end()
            continue
        key, at = _varint(raw, at)
        field, wire = key >> 3, key & 7
        value: bytes | int
        if wire == _VARINT:
            value, at = _varint(raw, at)
        elif wire == _BYTES:
            length, at = _varint(raw, at)
            value, at = raw[at : at + length], at + length
        elif wire in {_FIXED32, _FIXED64}:
            value, at = 0, at + (4 if wire == _FIXED32 else 8)
        else:
            raise _not_onnx()
        if at > end:
            raise _not_onnx()
        yield what, field, value
        child = children.get(field)
        if child is not None:
            if not isinstance(value, bytes):
                raise _not_onnx()
            yield from _walk(value, child, depth + 1)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(raw) or shift > 63:
            raise _not_onnx()
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _not_onnx() -> Corrupt:
    return Corrupt("model.onnx is no ONNX model: its bytes are no protobuf message of one")
