"""``aifx doctor``: looks at all that a run needs, and says what to do where it is missing."""

import importlib
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from clickhouse.migrate import connect
from config.settings import Settings
from domain.errors import AifxError
from jobs import kafka as kafka_jobs

_FREE_BYTES = 2_000_000_000
"""A simulated day archives about 0.1 GB; logs of a real broker take a few times that."""

_PACKAGES = (
    "bytewax", "confluent_kafka", "numba", "pyarrow", "clickhouse_connect", "chdb", "river",
    "onnxruntime", "fastapi", "rich", "sqlalchemy",
)  # fmt: skip
_TRAINING = ("xgboost", "sklearn", "jax", "equinox", "onnx")


class Finding(NamedTuple):
    """One thing looked at: whether it is well, and in words what it is or what to do."""

    name: str
    ok: bool
    words: str
    needed: bool = True


def examine(settings: Settings, data_dir: Path) -> Iterator[Finding]:
    """Look at each dependency in turn."""
    version = sys.version_info
    yield Finding(
        "python",
        (3, 11) <= version[:2] < (3, 13),
        f"{version.major}.{version.minor}.{version.micro} (3.11 and 3.12 are supported)",
    )
    yield _import("packages", _PACKAGES, "make setup")
    yield _import("training packages", _TRAINING, "pip install 'aifx[train]'", needed=False)
    yield _try("kernels", _kernels)
    yield _try("kafka", lambda: _kafka(settings))
    yield _try("clickhouse", lambda: _clickhouse(settings))
    yield _try("data folder", lambda: _data_folder(data_dir))
    yield _port(settings)
    java, maven = shutil.which("java"), shutil.which("mvn")
    yield Finding(
        "real Kafka on this machine",
        java is not None and maven is not None,
        "java and mvn are there: aifx kafka up"
        if java and maven
        else "needs Java 17 and Maven, or a Docker engine, or AIFX_KAFKA=HOST:PORT",
        needed=False,
    )


def _import(name: str, packages: tuple[str, ...], cure: str, *, needed: bool = True) -> Finding:
    missing = []
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError:
            missing.append(package)
    words = f"missing {', '.join(missing)}: {cure}" if missing else f"{len(packages)} import"
    return Finding(name, not missing, words, needed)


def _try(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, ok=True, words=look())
    except (AifxError, OSError) as error:
        return Finding(name, ok=False, words=str(error))


def _kernels() -> str:
    from domain.ticks import new_records
    from features.bars import BarConfig
    from features.quality import QualityConfig

    ticks = new_records(1)
    ticks["symbol"] = b"EURUSD"
    QualityConfig(("EURUSD",)).build(None).judge(ticks)
    BarConfig().build("EURUSD", None).on_records(ticks)
    return "compiled and cached"


def _kafka(settings: Settings) -> str:
    bootstrap = settings.kafka.bootstrap
    if bootstrap:
        kafka_jobs.check_reachable(bootstrap)
        return f"{bootstrap} answers"
    with kafka_jobs.embedded_broker() as embedded:
        kafka_jobs.check_reachable(embedded)
    return "embedded broker starts and answers"


def _clickhouse(settings: Settings) -> str:
    dsn = settings.clickhouse.dsn.get_secret_value()
    with tempfile.TemporaryDirectory(prefix="aifx-doctor-") as folder:
        client = connect(dsn or f"chdb://{folder}", settings.clickhouse.database)
        version = client.command("SELECT version()")
        client.close()
    return f"{'server' if dsn else 'embedded chDB'} {version} answers"


def _data_folder(data_dir: Path) -> str:
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=data_dir):
        free = shutil.disk_usage(data_dir).free
    if free < _FREE_BYTES:
        msg = f"{data_dir} has {free / 1e9:.1f} GB free; a run wants {_FREE_BYTES / 1e9:.0f} GB"
        raise OSError(msg)
    return f"{data_dir} is writable, {free / 1e9:.0f} GB free"


def _port(settings: Settings) -> Finding:
    place = (settings.dashboard.host, settings.dashboard.port)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            words = f"{place[0]}:{place[1]} is taken ({error.strerror}): pass --port"
            return Finding("dashboard port", ok=False, words=words)
    return Finding("dashboard port", ok=True, words=f"{place[0]}:{place[1]} is free")
