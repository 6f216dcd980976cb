"""River's objects as plain values and back, exactly, and never a pickle.

What a tree or a detector of River knows is a graph of objects: nodes, splitters, windows, counters,
one generator of random numbers that all leaves share. `encode` writes it as lists of numbers and
strings, `decode` builds it again. Only classes that stand in this file are written or read.

Format, version 1
-----------------
``{"v": 1, "river": version, "shapes": [[class, attribute, ...], ...], "root": value}``. None,
booleans, integers, strings and finite floats stand for themselves. All else is a list that begins
with a tag:

=====  =======================================================================================
tag    what follows
=====  =======================================================================================
``f``  a float that is not finite, as text
``t``  items of a tuple
``l``  items of a list
``s``  items of a set of integers, ascending
``d``  keys and values of a dict in turn, in its order
``c``  name of a default factory, then as ``d``
``o``  number of a shape, then the values of its attributes
``g``  a Gaussian splitter: its number of thresholds, then six values per class (class, least and
       greatest value, weight, mean, sum of squared deviations)
``w``  an ADWIN window: its five parameters, then its bytes
``m``  a Mersenne Twister: its words as bytes, then the Gaussian number that waits
``r``  number of a container or object that was met before
=====  =======================================================================================

Containers and objects are numbered as they are met, so that what was shared is shared again. Bytes
are zlib (which holds a checksum) in base64. Those of an ADWIN window are River's own export from
Rust (bincode, little-endian): data, not code. They are handed over only if their checksum holds.
"""

import base64
import importlib
import math
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from domain.errors import BadUse, Corrupt
from models.contract import State
from models.online.river_import import lean_river

STATE_VERSION = 1

_PLAIN = {
    name: module
    for module, names in {
        "models.online.river_leaves": ("CountingLeaf", "CountingTree"),
        "river.drift.adwin": ("ADWIN",),
        "river.drift.page_hinkley": ("PageHinkley",),
        "river.forest.adaptive_random_forest": ("ARFClassifier", "BaseTreeClassifier"),
        "river.metrics.accuracy": ("Accuracy",),
        "river.metrics.confusion": ("ConfusionMatrix",),
        "river.stats.mean": ("Mean",),
        "river.tree.hoeffding_adaptive_tree_classifier": ("HoeffdingAdaptiveTreeClassifier",),
        "river.tree.nodes.arf_htc_nodes": (
            "RandomLeafMajorityClass",
            "RandomLeafNaiveBayes",
            "RandomLeafNaiveBayesAdaptive",
        ),
        "river.tree.nodes.branch": ("NumericBinaryBranch",),
        "river.tree.nodes.hatc_nodes": ("AdaLeafClassifier", "AdaNumBinaryBranchClass"),
    }.items()
    for name in names
}
"""Module of every class that is written as its attributes. Nothing else is ever imported."""

_BLOB_LIMIT = 1 << 20
"""Bytes of one blob when unpacked. A window of 10**9 values has some 3,000."""

_WORDS = 625
"""Words of a Mersenne Twister's state: 624 and the place in them."""

_FACTORIES: dict[str, Callable[[], Any]] = {
    "int": int,
    "float": float,
    "floats": partial(defaultdict, float),
}

_BOUND = {"PageHinkley": {"_test_drift"}}
"""Attributes that are methods of the object itself: not written, set again by `_bind`."""


def encode(root: Any) -> dict[str, Any]:
    """Return an object of River as plain values, ready for JSON.

    Raises
    ------
    BadUse
        If it holds something of a class that this file does not name.
    """
    writer = _Writer()
    value = writer.value(root)
    return {
        "v": STATE_VERSION,
        "river": _river_version(),
        "shapes": [list(shape) for shape in writer.shapes],
        "root": value,
    }


def decode(state: State, kind: str) -> Any:
    """Return the object that was encoded.

    Parameters
    ----------
    state
        What `encode` gave.
    kind
        Name of the class that it must be.

    Raises
    ------
    Corrupt
        If the version, or River's, is another; if a class is unknown; if a value is damaged. Other
        releases of River may compute otherwise, and then no state is exact.
    """
    found = (state.get("v"), state.get("river"))
    if found != (STATE_VERSION, _river_version()):
        msg = (
            f"state of River is of version {found}; this code reads "
            f"{(STATE_VERSION, _river_version())}: start afresh, or run what wrote it"
        )
        raise Corrupt(msg)
    try:
        root = _Reader(state["shapes"]).value(state["root"])
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
        zlib.error,
    ) as error:
        msg = f"state of River is not whole: {error!r}"
        raise Corrupt(msg) from error
    if type(root).__name__ != kind:
        msg = f"state of River holds a {type(root).__name__}, not a {kind}"
        raise Corrupt(msg)
    return root


class _Writer:
    """One walk over a graph. Ids of objects are safe as keys: the root keeps all of them alive."""

    def __init__(self) -> None:
        self.shapes: dict[tuple[str, ...], int] = {}
        self._numbers: dict[int, int] = {}

    def value(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is int or kind is str or kind is bool:
            return value
        if kind is float:
            return value if math.isfinite(value) else ["f", repr(value)]
        if kind is tuple:
            return ["t", *map(self.value, value)]
        number = self._numbers.get(id(value))
        if number is not None:
            return ["r", number]
        self._numbers[id(value)] = len(self._numbers)
        if kind is dict:
            return ["d", *self._items(value)]
        if kind is list:
            return ["l", *map(self.value, value)]
        if kind is set:
            return ["s", *sorted(value)]
        if kind is defaultdict:
            return ["c", _factory_name(value.default_factory), *self._items(value)]
        return self._object(value, kind.__name__, f"{kind.__module__}.{kind.__qualname__}")

    def _items(self, items: dict[Any, Any]) -> Iterator[Any]:
        for key, value in items.items():
            yield self.value(key)
            yield self.value(value)

    def _object(self, value: Any, name: str, path: str) -> list[Any]:
        if path == _SPLITTER:
            return ["g", *_splitter_values(value)]
        if path == _WINDOW:
            return ["w", *value.__getnewargs__(), _packed(value.__getstate__())]
        if path == _RANDOM:
            _, words, waiting = value.getstate()
            raw = b"".join(word.to_bytes(4, "little") for word in words)
            return ["m", _packed(raw), self.value(waiting)]
        if f"{_PLAIN.get(name)}.{name}" != path:
            msg = f"a snapshot cannot hold a {path}: teach models.online.river_state this class"
            raise BadUse(msg)
        bound = _BOUND.get(name, ())
        held = {key: part for key, part in vars(value).items() if key not in bound}
        shape = self.shapes.setdefault((name, *held), len(self.shapes))
        return ["o", shape, *map(self.value, held.values())]


class _Reader:
    """One walk over encoded values; numbers containers and objects as the writer did."""

    def __init__(self, shapes: list[list[str]]) -> None:
        self._shapes = shapes
        self._met: list[Any] = []

    def value(self, value: Any) -> Any:
        if type(value) is not list:
            return value
        tag, rest = value[0], value[1:]
        if tag == "r":
            return self._met[rest[0]]
        if tag == "t":
            return tuple(self.value(part) for part in rest)
        if tag == "f":
            return float(rest[0])
        return self._container(tag, rest)

    def _container(self, tag: str, rest: list[Any]) -> Any:
        if tag == "d":
            return self._fill(self._meet({}), rest)
        if tag == "l":
            items = self._meet([])
            items.extend(self.value(part) for part in rest)
            return items
        if tag == "s":
            return self._meet(set(rest))
        if tag == "c":
            return self._fill(self._meet(defaultdict(_FACTORIES[rest[0]])), rest[1:])
        if tag == "g":
            return self._meet(_splitter(*rest))
        if tag == "w":
            window = self._meet(_class(_WINDOW)(*rest[:5]))
            window.__setstate__(_unpacked(rest[5]))
            return window
        if tag == "m":
            return self._meet(_generator(_unpacked(rest[0]), self.value(rest[1])))
        if tag == "o":
            return self._object(rest)
        msg = f"state of River has an unknown tag {tag!r}"
        raise Corrupt(msg)

    def _meet(self, thing: Any) -> Any:
        self._met.append(thing)
        return thing

    def _fill(self, target: dict[Any, Any], flat: list[Any]) -> dict[Any, Any]:
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            target[self.value(key)] = self.value(value)
        return target

    def _object(self, rest: list[Any]) -> Any:
        name, *attributes = self._shapes[rest[0]]
        if name not in _PLAIN:
            msg = f"state of River names the class {name!r}, which no snapshot of ours holds"
            raise Corrupt(msg)
        kind = _class(f"{_PLAIN[name]}.{name}")
        made = self._meet(object.__new__(kind))
        for attribute, value in zip(attributes, rest[1:], strict=True):
            made.__dict__[attribute] = self.value(value)
        _bind(made, name)
        return made


_SPLITTER = "river.tree.splitter.gaussian_splitter.GaussianSplitter"
_GAUSSIAN = "river.proba.gaussian.Gaussian"
_WINDOW = "river._river_rust.drift.AdaptiveWindowing"
_RANDOM = "random.Random"


@cache
def _class(path: str) -> Any:
    # Only ever called with names that stand in this file.
    module, _, name = path.rpartition(".")
    with lean_river():
        return getattr(importlib.import_module(module), name)


@cache
def _river_version() -> str:
    with lean_river():
        return str(importlib.import_module("river").__version__)


def _factory_name(factory: Any) -> str:
    for name, known in _FACTORIES.items():
        if factory is known or (
            isinstance(factory, partial)
            and isinstance(known, partial)
            and (factory.func, factory.args) == (known.func, known.args)
        ):
            return name
    msg = f"a snapshot cannot hold a dict with the default {factory!r}"
    raise BadUse(msg)


def _splitter_values(splitter: Any) -> Iterator[Any]:
    # The generator of random numbers in each Gaussian only serves sampling from it: left out.
    yield splitter.n_splits
    for label, gaussian in splitter._att_dist_per_class.items():
        var = gaussian._var
        yield from (label, splitter._min_per_class[label], splitter._max_per_class[label])
        yield from (var.mean.n, var.mean._mean, var._S)


def _splitter(n_splits: int, *values: Any) -> Any:
    splitter = _class(_SPLITTER)(n_splits)
    for start in range(0, len(values), 6):
        label, least, greatest, weight, mean, deviations = values[start : start + 6]
        gaussian = _class(_GAUSSIAN)()
        gaussian._var.mean.n = weight
        gaussian._var.mean._mean = mean
        gaussian._var._S = deviations
        splitter._att_dist_per_class[label] = gaussian
        splitter._min_per_class[label] = least
        splitter._max_per_class[label] = greatest
    return splitter


def _generator(raw: bytes, waiting: float | None) -> Any:
    if len(raw) != 4 * _WORDS:
        msg = f"a generator has {_WORDS} words, not {len(raw) / 4}"
        raise ValueError(msg)
    words = tuple(int.from_bytes(raw[at : at + 4], "little") for at in range(0, len(raw), 4))
    generator = _class(_RANDOM)()
    generator.setstate((3, words, waiting))
    return generator


def _bind(made: Any, name: str) -> None:
    if name == "PageHinkley":
        tests = {"up": made._test_increase, "down": made._test_decrease, "both": made._test_both}
        made._test_drift = tests[made.mode]


def _packed(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, 1)).decode("ascii")


def _unpacked(text: str) -> bytes:
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(base64.b64decode(text, validate=True), _BLOB_LIMIT)
    if not unpacker.eof:
        # Only at its end has zlib compared the checksum.
        msg = "a blob is cut off, or larger than any of ours"
        raise ValueError(msg)
    return raw
