"""Topics: their names, what each one carries, and which partition a key belongs to."""

from decimal import Decimal
from enum import StrEnum
from typing import TypeVar, get_args
from zlib import crc32

import msgspec

from domain.bars import Bar, Passed
from domain.control import ControlEvent
from domain.deployments import ModelEvent
from domain.errors import Drop
from domain.orders import Execution, Order, Position
from domain.predictions import FeatureVector, Prediction, Signal
from domain.quality import ExecutionQuality, OrderQuality, QualityEvent


class Topic(StrEnum):
    """Every topic of AIFX; a run may put a prefix before the name."""

    TICKS = "ticks"
    TICKS_REJECTED = "ticks.rejected"
    TICKS_LATE = "ticks.late"
    BARS = "bars"
    FEATURES = "features"
    PREDICTIONS = "predictions"
    SIGNALS = "signals"
    MODELS = "models"
    ORDERS = "orders"
    EXECUTIONS = "executions"
    POSITIONS = "positions"
    CONTROL = "control"
    QUALITY_FILLS = "quality.fills"
    QUALITY_ORDERS = "quality.orders"
    QUALITY_EVENTS = "quality.events"
    METRICS = "metrics"
    DEAD_LETTER = "dead-letter"


class DeadLetter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record that no reader could use, kept whole with the reason and where it stood."""

    topic: str
    partition: int
    offset: int
    reason: str
    value: bytes
    v: int = 1


class WorkerMetrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one worker has done so far: counters, and latency histograms by hop.

    Attributes
    ----------
    worker
        Name of the dataflow.
    wall_ns
        Wall clock of the report; metrics are about machines, not about markets.
    counters
        Totals since the start of the run, by name.
    histograms
        HdrHistogram of latencies in microseconds, base64 as the library encodes it, by hop.
    """

    worker: str
    wall_ns: int
    counters: dict[str, int]
    histograms: dict[str, str]
    v: int = 1


RECORD_TYPES: dict[Topic, type[msgspec.Struct]] = {
    Topic.BARS: Bar,
    Topic.FEATURES: FeatureVector,
    Topic.PREDICTIONS: Prediction,
    Topic.SIGNALS: Signal,
    Topic.MODELS: ModelEvent,
    Topic.ORDERS: Order,
    Topic.EXECUTIONS: Execution,
    Topic.POSITIONS: Position,
    Topic.CONTROL: ControlEvent,
    Topic.QUALITY_FILLS: ExecutionQuality,
    Topic.QUALITY_ORDERS: OrderQuality,
    Topic.QUALITY_EVENTS: QualityEvent,
    Topic.METRICS: WorkerMetrics,
    Topic.DEAD_LETTER: DeadLetter,
}
"""The JSON topics; the ``ticks`` topics carry ``domain.ticks.TICK_DTYPE``."""

RECORD_VERSIONS = {topic: type_.__struct_defaults__[-1] for topic, type_ in RECORD_TYPES.items()}
"""Version that the records of a topic carry in ``v``, their last field. Among the bars there is
`domain.bars.Passed` too."""

_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[Topic, msgspec.json.Decoder[msgspec.Struct]] = {
    topic: msgspec.json.Decoder(Bar | Passed if topic is Topic.BARS else type_)
    for topic, type_ in RECORD_TYPES.items()
}
_MONEY: dict[Topic, tuple[str, ...]] = {
    topic: tuple(
        field.name
        for field in msgspec.structs.fields(type_)
        if field.type is Decimal or Decimal in get_args(field.type)
    )
    for topic, type_ in RECORD_TYPES.items()
}
"""Fields that are money or quantities: text that says NaN is a Decimal too, and equals nothing."""

_R = TypeVar("_R", bound=msgspec.Struct)


def encode(record: msgspec.Struct) -> bytes:
    """Write a record as JSON; the same record always gives the same bytes."""
    return _ENCODER.encode(record)


def decode(topic: Topic, value: bytes) -> msgspec.Struct:
    """Read a JSON record of a topic.

    Raises
    ------
    Drop
        If the bytes are no such record or its version is unknown.
    """
    try:
        record: msgspec.Struct = _DECODERS[topic].decode(value)
    except (msgspec.MsgspecError, ValueError) as error:
        msg = f"no {topic} record: {error}"
        raise Drop(msg) from error
    version = getattr(record, "v", None)
    known = record.__struct_defaults__[-1]
    if version != known:
        msg = f"{topic} record version {version}; this reader knows version {known}"
        raise Drop(msg)
    for name in _MONEY[topic]:
        amount = getattr(record, name)
        if amount is not None and not amount.is_finite():
            msg = f"{topic} record with {name} {amount}, which is no number"
            raise Drop(msg)
    return record


def decode_as(topic: Topic, value: bytes, type_: type[_R]) -> _R:
    """Read a JSON record of a topic whose type the caller knows; see `decode`."""
    record = decode(topic, value)
    if not isinstance(record, type_):
        msg = f"{topic} carries {type(record).__name__}, not {type_.__name__}"
        raise TypeError(msg)
    return record


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a key: CRC-32, as librdkafka's ``consistent`` partitioner does."""
    return crc32(key.encode()) % partitions
