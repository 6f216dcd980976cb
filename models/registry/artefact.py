"""Trained models as content-addressed folders that prove themselves when they are loaded.

::

    <artefact id>/
    ├── model.onnx
    └── manifest.json

The id is a digest of the manifest, which holds the hash of the model: nothing can change without
the folder's name being wrong. No clock goes in, so the same data and code give the same id.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np

from domain.deployments import Slot
from domain.errors import BadUse, Corrupt
from domain.ids import digest
from models.registry.foreign import kind_of
from models.registry.manifest import MANIFEST_VERSION, Golden, Manifest
from models.registry.onnx_scan import scan
from models.registry.store import ModelStore, as_store
from models.serving import OnnxSession, golden_answers, golden_sha256

__all__ = [
    "Artefact",
    "Golden",
    "Manifest",
    "Session",
    "artefacts",
    "load",
    "proof",
    "read",
    "save",
    "sha256",
]

Session = OnnxSession
"""What `load` returns to ask the model with."""

GOLDEN_TOLERANCE = 1e-6
"""Largest difference of a replayed golden answer. Float32 keeps seven digits, so another processor
or runtime stays well below; another model does not."""

MODEL = "model.onnx"
MANIFEST = "manifest.json"
_ID = re.compile(r"[0-9a-f]{32}")
_HEAD_BYTES = 16


class _Version(msgspec.Struct):
    v: int = 0


@dataclass(frozen=True, slots=True)
class Artefact:
    """An artefact that is in a store.

    Attributes
    ----------
    artefact_id
        32 hexadecimal digits.
    url
        Address of the store.
    manifest
        What it says of itself.
    """

    artefact_id: str
    url: str
    manifest: Manifest

    @property
    def path(self) -> Path:
        """Its folder, where the store is one."""
        return Path(self.url) / self.artefact_id


def artefacts(where: Path | ModelStore) -> list[str]:
    """Return the ids of all artefacts of a store, sorted; whether they are whole, loading says."""
    store = as_store(where)
    return [name for name in store.folders() if is_id(name)]


def sha256(raw: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def is_id(text: str) -> bool:
    """Say whether a text has the form of an artefact's id."""
    return _ID.fullmatch(text) is not None


def save(where: Path | ModelStore, manifest: Manifest, model: bytes) -> Artefact:
    """Write an artefact whole or not at all; one that is already there is left as it is.

    Parameters
    ----------
    where
        Folder of all artefacts, made where it is missing, or a store.

    Raises
    ------
    BadUse
        If the manifest does not hold the hash of ``model``.
    Corrupt
        If ``model`` reaches beyond itself (see `models.registry.onnx_scan`), or the store holds
        something else under this id.
    """
    store = as_store(where)
    if manifest.model_sha256 != sha256(model):
        msg = "the manifest holds another hash than that of the model"
        raise BadUse(msg)
    _require_onnx(model)
    raw = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1)
    artefact_id = _id_of(raw)
    # The name is the content, so a folder of that name is this artefact; if not, `read` says so.
    # In a bucket a crash may have left the model alone: then the manifest completes it.
    if not store.write_folder(artefact_id, {MODEL: model, MANIFEST: raw}):
        read(store, artefact_id)
    return Artefact(artefact_id, store.url, manifest)


def load(
    where: Path | ModelStore, artefact_id: str, feature_schema: str | None = None
) -> tuple[Artefact, Session]:
    """Load an artefact after it has proved itself: every hash, and every golden answer.

    Parameters
    ----------
    where
        Folder of all artefacts, or a store.
    feature_schema
        Schema that the caller computes; None takes any.

    Raises
    ------
    BadUse
        If there is no artefact of that id, or it reads another schema.
    Corrupt
        If a hash or an answer differs, a file is missing, unreadable, foreign or a pickle, or the
        model reaches beyond its file.
    """
    artefact, model = read(where, artefact_id)
    manifest = artefact.manifest
    if feature_schema is not None and manifest.feature_schema != feature_schema:
        msg = (
            f"artefact {artefact_id} reads feature schema {manifest.feature_schema}, this version "
            f"computes {feature_schema}: train a new one with aifx train"
        )
        raise BadUse(msg)
    session = Session(model)
    values = manifest.window * len(manifest.feature_names)
    if session.n_values != values:
        msg = (
            f"artefact {artefact_id}: the model takes {session.n_values} values, the manifest "
            f"names {manifest.window} rows of {len(manifest.feature_names)}"
        )
        raise Corrupt(msg)
    _require_golden(artefact, session)
    return artefact, session


def proof(where: Path | ModelStore, artefact_id: str) -> str:
    """Return the hash of the answers that a loaded artefact gives to its golden vectors.

    Raises
    ------
    BadUse, Corrupt
        As `load`.
    """
    artefact, session = load(where, artefact_id)
    return golden_sha256(artefact.manifest, session)


def read(where: Path | ModelStore, artefact_id: str) -> tuple[Artefact, bytes]:
    """Read an artefact whose hashes are right and whose folder holds nothing else; ask it nothing.

    Raises
    ------
    BadUse, Corrupt
        As `load`, but for the golden answers.
    """
    store = as_store(where)
    manifest_raw, model = files_of(store, artefact_id)
    manifest = _manifest(artefact_id, manifest_raw)
    if sha256(model) != manifest.model_sha256:
        msg = f"artefact {artefact_id}: {MODEL} was changed, it does not hash to the manifest's"
        raise Corrupt(msg)
    _require_onnx(model)
    return Artefact(artefact_id, store.url, manifest), model


def files_of(store: ModelStore, artefact_id: str) -> tuple[bytes, bytes]:
    """Return the manifest, which hashes to the id, and the model; refuse every other file.

    Raises
    ------
    BadUse
        If there is no artefact of that id.
    Corrupt
        If a file is missing, changed, foreign or a pickle.
    """
    # The pattern also keeps an id such as ../../etc from leaving the store.
    names = store.names(artefact_id) if is_id(artefact_id) else []
    for name in names:
        if name in {MODEL, MANIFEST}:
            continue
        # A name that the store would not read is foreign by its name.
        kind = kind_of(name, _head(store, f"{artefact_id}/{name}"))
        what = "is not part of an artefact" if kind is None else f"is {kind}"
        msg = f"artefact {artefact_id}: {name!r} {what}: it is not loaded"
        raise Corrupt(msg)
    if not names:
        msg = f"there is no artefact {artefact_id!r} in {store.url}"
        raise BadUse(msg)
    found = [store.read(f"{artefact_id}/{name}") for name in (MANIFEST, MODEL)]
    manifest_raw, model = found
    if manifest_raw is None or model is None:
        missing = MANIFEST if manifest_raw is None else MODEL
        msg = f"artefact {artefact_id}: {missing} is missing"
        raise Corrupt(msg)
    kind = kind_of(MODEL, model[:_HEAD_BYTES])
    if kind is not None:
        msg = f"artefact {artefact_id}: {MODEL} is {kind}: it is not loaded"
        raise Corrupt(msg)
    if _id_of(manifest_raw) != artefact_id:
        msg = f"artefact {artefact_id}: {MANIFEST} was changed, it does not hash to the id"
        raise Corrupt(msg)
    return manifest_raw, model


def _head(store: ModelStore, name: str) -> bytes:
    try:
        return (store.read(name) or b"")[:_HEAD_BYTES]
    except BadUse:
        return b""


def _manifest(artefact_id: str, raw: bytes) -> Manifest:
    try:
        version = msgspec.json.decode(raw, type=_Version).v
        if version != MANIFEST_VERSION:
            msg = (
                f"artefact {artefact_id}: manifest version {version}, this code reads version "
                f"{MANIFEST_VERSION}: train a new one with aifx train"
            )
            raise Corrupt(msg)
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        msg = f"artefact {artefact_id}: {MANIFEST} cannot be read: {error}"
        raise Corrupt(msg) from error
    if (
        manifest.window < 1
        or not manifest.feature_names
        or manifest.horizon_ns <= 0
        or manifest.kind not in get_args(Slot)
    ):
        msg = (
            f"artefact {artefact_id}: {MANIFEST} makes no sense: window {manifest.window}, "
            f"{len(manifest.feature_names)} features, horizon {manifest.horizon_ns} ns"
        )
        raise Corrupt(msg)
    return manifest


def _require_onnx(model: bytes) -> None:
    kind = kind_of(MODEL, model[:_HEAD_BYTES])
    if kind is not None:
        msg = f"{MODEL} is {kind}: only ONNX is kept"
        raise Corrupt(msg)
    scan(model)


def _require_golden(artefact: Artefact, session: Session) -> None:
    manifest, artefact_id = artefact.manifest, artefact.artefact_id
    if not manifest.golden:
        msg = f"artefact {artefact_id}: it has no golden answers to prove itself with"
        raise Corrupt(msg)
    for number, golden in enumerate(manifest.golden):
        if len(golden.x) != session.n_values or not np.isfinite(golden.x).all():
            msg = (
                f"artefact {artefact_id}: golden input {number} is not {session.n_values} finite "
                "values"
            )
            raise Corrupt(msg)
    answers = golden_answers(manifest, session)
    for number, (golden, p) in enumerate(zip(manifest.golden, answers.tolist(), strict=True)):
        # Written so that NaN fails as well.
        if not abs(p - golden.p) <= GOLDEN_TOLERANCE:
            msg = f"artefact {artefact_id}: golden answer {number} is {p:.9f}, was {golden.p:.9f}"
            raise Corrupt(msg)


def _id_of(manifest: bytes) -> str:
    return digest("artefact", sha256(manifest))
