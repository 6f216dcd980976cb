"""One byte form of bars and of signals, so that two ways to make them can be compared by a digest.

The form depends on what the records say and on nothing else: not on the run, the order of arrival,
the store they came from or a wall clock. It is, all little-endian, the name of the form, the number
of records, then one column after the other in the order of the layout, records in canonical order.
A column is its name, its type and its values: IEEE 754 doubles (one bit pattern for null), 64-bit
integers, single bytes for truth, texts as UTF-8 behind their length.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.bars import BAR_DTYPE, Bar, BarArray, order_of
from domain.errors import Corrupt
from domain.predictions import Signal

Columns = Mapping[str, NDArray[Any]]
"""One array per field, all of one length; texts as objects, null numbers as NaN."""

_TEXT, _INT, _REAL, _BOOL = "text", "<i8", "<f8", "|b1"

BAR_LAYOUT: dict[str, str] = {
    "symbol": _TEXT,
    "timeframe": _TEXT,
    "seq": _INT,
    "ts_open_ns": _INT,
    "ts_event_ns": _INT,
    "ts_recv_ns": _INT,
    **{
        f"{side}_{point}": _REAL
        for side in ("bid", "ask", "mid")
        for point in ("open", "high", "low", "close")
    },
    "tick_count": _INT,
    "suspect_count": _INT,
    "up_count": _INT,
    "down_count": _INT,
    "spread_mean_pips": _REAL,
    "spread_max_pips": _REAL,
    "move_sq_sum_pips2": _REAL,
    "micro_gap_mean_pips": _REAL,
    "verdict": _INT,
}
"""Fields of a bar in the order of the form."""

SIGNAL_LAYOUT: dict[str, str] = {
    "signal_id": _TEXT,
    "symbol": _TEXT,
    "ts_event_ns": _INT,
    "ts_recv_ns": _INT,
    "model_id": _TEXT,
    "rule": _TEXT,
    "side": _TEXT,
    "actionable": _BOOL,
    "strength": _REAL,
    "p_up": _REAL,
    "bid": _REAL,
    "ask": _REAL,
    "reason": _TEXT,
    "verdict": _INT,
    "votes": _TEXT,
    "threshold": _REAL,
    "agreement": _REAL,
    "schema": _TEXT,
}
"""Fields of a signal in the order of the form; its votes as `votes_text` writes them."""

VOTE_COLUMNS = ("vote_role", "vote_model_id", "vote_p_up", "vote_weight")
"""Columns of a store that keep the votes of a signal, each an array with one item a vote."""


def bar_columns(bars: Sequence[Bar]) -> dict[str, NDArray[Any]]:
    """Return the columns of some bars."""
    return _columns(bars, BAR_LAYOUT)


def row_columns(
    parts: Sequence[tuple[str, BarArray]], timeframes: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """Return the columns of bars that are still rows, as `bar_columns` of their records.

    Parameters
    ----------
    parts
        Symbol and rows.
    timeframes
        Names that ``frame`` of a row counts in.
    """
    rows = np.concatenate([np.empty(0, dtype=BAR_DTYPE), *(part for _, part in parts)])
    names = np.array([symbol for symbol, _ in parts], dtype=object)
    count, sized = rows["tick_count"], rows["sized_count"]
    with np.errstate(divide="ignore", invalid="ignore"):
        micro_gap = rows["micro_gap_sum_millipips"] / (sized * 1e3)
    derived = {
        "symbol": np.repeat(names, [part.size for _, part in parts]),
        "timeframe": np.array(timeframes, dtype=object)[rows["frame"]],
        "spread_mean_pips": rows["spread_sum_millipips"] / (count * 1e3),
        "spread_max_pips": rows["spread_max_millipips"] / 1e3,
        "move_sq_sum_pips2": rows["move_sq_sum_millipips2"] / 1e6,
        "micro_gap_mean_pips": np.where(sized > 0, micro_gap, np.nan),
    }
    return {name: derived[name] if name in derived else rows[name] for name in BAR_LAYOUT}


def signal_columns(signals: Sequence[Signal]) -> dict[str, NDArray[Any]]:
    """Return the columns of some signals; a missing number is NaN."""
    plain = {name: kind for name, kind in SIGNAL_LAYOUT.items() if name != "votes"}
    columns = _columns(signals, plain)
    texts = [
        votes_text(
            [vote.role for vote in signal.votes],
            [vote.model_id for vote in signal.votes],
            [math.nan if vote.p_up is None else vote.p_up for vote in signal.votes],
            [vote.weight for vote in signal.votes],
        )
        for signal in signals
    ]
    columns["votes"] = np.array(texts, dtype=object)
    return {name: columns[name] for name in SIGNAL_LAYOUT}


def votes_text(
    roles: Iterable[str], model_ids: Iterable[str], p_ups: Iterable[float], weights: Iterable[float]
) -> str:
    """Return the votes of one signal as text, every bit of every number in it; NaN: abstained."""
    votes = zip(roles, model_ids, p_ups, weights, strict=True)
    return ";".join(
        f"{role},{name},{float(p).hex()},{float(w).hex()}" for role, name, p, w in votes
    )


def bars_sha256(columns: Columns) -> str:
    """Return the digest of bars, ordered by symbol, timeframe, opening time and number.

    Raises
    ------
    Corrupt
        If two bars have one key: then something was doubled, and no order of them is canonical.
    """
    keys = (
        _ranks(columns["symbol"]),
        # 60s and 1m are of one length: the name then decides.
        _ranks(columns["timeframe"], lambda name: (order_of(name), name)),
        columns["ts_open_ns"],
        columns["seq"],
    )
    return _sha256("aifx bars 2", columns, BAR_LAYOUT, keys)


def signals_sha256(columns: Columns) -> str:
    """Return the digest of signals, ordered by symbol, event time and signal id.

    Raises
    ------
    Corrupt
        If two signals have one key.
    """
    keys = (_ranks(columns["symbol"]), columns["ts_event_ns"], _ranks(columns["signal_id"]))
    return _sha256("aifx signals 3", columns, SIGNAL_LAYOUT, keys)


def _columns(records: Sequence[msgspec.Struct], layout: dict[str, str]) -> dict[str, NDArray[Any]]:
    return {
        name: np.array(
            [getattr(record, name) for record in records], dtype=object if kind == _TEXT else kind
        )
        for name, kind in layout.items()
    }


def _ranks(texts: NDArray[Any], key: Callable[[str], Any] | None = None) -> NDArray[np.int64]:
    values = texts.tolist()
    rank = {text: position for position, text in enumerate(sorted(set(values), key=key))}
    return np.fromiter((rank[text] for text in values), np.int64, len(values))


def _order(form: str, keys: tuple[NDArray[Any], ...]) -> NDArray[np.intp]:
    order = np.lexsort(keys[::-1])
    same = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for key in keys:
        ordered = key[order]
        same &= ordered[1:] == ordered[:-1]
    if same.any():
        msg = f"{form}: {int(same.sum())} of {len(order)} records repeat the key of another"
        raise Corrupt(msg)
    return order


def _sha256(
    form: str, columns: Columns, layout: dict[str, str], keys: tuple[NDArray[Any], ...]
) -> str:
    order = _order(form, keys)
    digest = hashlib.sha256()
    digest.update(_framed(form.encode()) + len(order).to_bytes(8, "little"))
    for name, kind in layout.items():
        if len(columns[name]) != len(order):
            msg = f"column {name} has {len(columns[name])} values, not {len(order)}"
            raise ValueError(msg)
        digest.update(_framed(name.encode()) + _framed(kind.encode()))
        digest.update(_packed(columns[name][order], kind))
    return digest.hexdigest()


def _packed(values: NDArray[Any], kind: str) -> bytes:
    if kind == _TEXT:
        texts = values.tolist()
        frames = {text: _framed(text.encode()) for text in set(texts)}
        return b"".join([frames[text] for text in texts])
    packed = np.ascontiguousarray(values, dtype=kind)
    if kind == _REAL:
        packed = np.where(np.isnan(packed), np.float64(np.nan), packed)
    return packed.tobytes()


def _framed(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "little") + raw
