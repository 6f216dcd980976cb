"""Trained models on disk: content-addressed folders that prove themselves when they are loaded.

::

    models_dir/
    ├── <artefact id>/
    │   ├── model.onnx
    │   └── manifest.json
    └── promotions.jsonl      (models.registry.promotion)

The id is a digest of the manifest, which holds the hash of the model: nothing can change without
the folder's name being wrong. No clock goes in, so the same data and code give the same id.
"""

import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from domain.ids import digest

MANIFEST_VERSION = 1
GOLDEN_TOLERANCE = 1e-6
"""Largest difference of a replayed golden answer. Float32 keeps seven digits, so another processor
or runtime stays well below; another model does not."""

_MODEL = "model.onnx"
_MANIFEST = "manifest.json"
_ID = re.compile(r"[0-9a-f]{32}")


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feature vector and the probability that the ONNX model gave for it when it was made."""

    x: tuple[float, ...]
    p: float


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an artefact is, and what it was made of.

    Attributes
    ----------
    kind
        Algorithm: ``xgboost``.
    feature_schema, feature_names
        Schema and names of the vector, in order.
    horizon_ns
        How far ahead the answer looks.
    data_first_ns, data_last_ns
        Closes of the first and the last bar that training has read; labels lie within.
    data_sha256, rows
        Hash of the training data in canonical order; labelled rows of the final fit.
    code_version
        Digest of the training code, and versions of the libraries that computed.
    params, metrics
        All parameters of training; walk-forward results.
    golden
        Answers that the model must give again when it is loaded.
    model_sha256
        Hash of ``model.onnx``.
    """

    kind: str
    feature_schema: str
    feature_names: tuple[str, ...]
    horizon_ns: int
    data_first_ns: int
    data_last_ns: int
    data_sha256: str
    rows: int
    code_version: str
    params: dict[str, Any]
    metrics: dict[str, Any]
    golden: tuple[Golden, ...]
    model_sha256: str
    v: int = MANIFEST_VERSION


@dataclass(frozen=True, slots=True)
class Artefact:
    """An artefact that is on disk: its id, its folder, its manifest."""

    artefact_id: str
    path: Path
    manifest: Manifest


class Session:
    """An ONNX model: input (1 or any, n) float32, last output (rows, 2) probabilities.

    One thread, since the unit of scale is the process, and a second thread costs more than a row.

    Raises
    ------
    Corrupt
        If the bytes are no such model.
    """

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # fatal only: the one line below says what is wrong
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
            (entry,) = self._session.get_inputs()
            self.n_features = int(entry.shape[1])
            # A graph whose first dimension is free takes a whole batch.
            self._one_row = entry.shape[0] == 1
            self._input = entry.name
            self._outputs = [self._session.get_outputs()[-1].name]
            self.probability(np.zeros(self.n_features))
        except Exception as error:  # the runtime's own errors have no common root
            msg = f"{_MODEL} is no model of one row: {str(error).splitlines()[0]}"
            raise Corrupt(msg) from error

    def probability(self, x: NDArray[np.float64]) -> float:
        """Return the probability of class 1 for a vector of shape (n_features,)."""
        return float(self.probabilities(x.reshape(1, -1))[0])

    def probabilities(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of class 1 for each row of an array of shape (n, n_features)."""
        rows = x.astype(np.float32)
        if self._one_row:
            answers = [self._session.run(self._outputs, {self._input: r[None]})[0] for r in rows]
            found = np.concatenate(answers) if answers else np.empty((0, 2), dtype=np.float32)
        else:
            found = self._session.run(self._outputs, {self._input: rows})[0]
        columns: NDArray[np.float64] = found[:, 1].astype(np.float64)
        return columns


def sha256(raw: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def save(models_dir: Path, manifest: Manifest, model: bytes) -> Artefact:
    """Write an artefact whole or not at all; one that is already there is left as it is.

    Raises
    ------
    BadUse
        If the manifest does not hold the hash of ``model``.
    """
    if manifest.model_sha256 != sha256(model):
        msg = "the manifest holds another hash than that of the model"
        raise BadUse(msg)
    raw = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1)
    artefact_id = _id_of(raw)
    path = models_dir / artefact_id
    models_dir.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=models_dir))
    try:
        for name, content in ((_MODEL, model), (_MANIFEST, raw)):
            with (partial / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        partial.chmod(0o755)  # mkdtemp makes a folder that only this user could read
        try:
            partial.rename(path)
        except OSError:
            # The name is the content, so a folder of that name is this artefact; if not, say so.
            if not path.is_dir():
                raise
            _read(models_dir, artefact_id)
        sync_folder(models_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Artefact(artefact_id, path, manifest)


def load(models_dir: Path, artefact_id: str) -> tuple[Artefact, Session]:
    """Load an artefact after it has proved itself: every hash, and every golden answer.

    Raises
    ------
    BadUse
        If there is no artefact of that id.
    Corrupt
        If a hash or an answer differs, or a file is missing or unreadable.
    """
    artefact, model = _read(models_dir, artefact_id)
    session = Session(model)
    if session.n_features != len(artefact.manifest.feature_names):
        msg = (
            f"artefact {artefact_id}: the model takes {session.n_features} features, "
            f"the manifest names {len(artefact.manifest.feature_names)}"
        )
        raise Corrupt(msg)
    if not artefact.manifest.golden:
        msg = f"artefact {artefact_id}: it has no golden answers to prove itself with"
        raise Corrupt(msg)
    for number, golden in enumerate(artefact.manifest.golden):
        p = session.probability(np.array(golden.x, dtype=np.float64))
        # Written so that NaN fails as well.
        if not abs(p - golden.p) <= GOLDEN_TOLERANCE:
            msg = f"artefact {artefact_id}: golden answer {number} is {p:.9f}, was {golden.p:.9f}"
            raise Corrupt(msg)
    return artefact, session


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable: a rename or a new file is lost with the power else."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _id_of(manifest: bytes) -> str:
    return digest("artefact", sha256(manifest))


def _read(models_dir: Path, artefact_id: str) -> tuple[Artefact, bytes]:
    path = models_dir / artefact_id
    # The pattern also keeps an id such as ../../etc from leaving the folder.
    if not _ID.fullmatch(artefact_id) or not path.is_dir():
        msg = f"there is no artefact {artefact_id!r} in {models_dir}"
        raise BadUse(msg)
    try:
        raw, model = (path / _MANIFEST).read_bytes(), (path / _MODEL).read_bytes()
    except OSError as error:
        msg = f"artefact {artefact_id}: {error}"
        raise Corrupt(msg) from error
    if _id_of(raw) != artefact_id:
        msg = f"artefact {artefact_id}: {_MANIFEST} was changed, it does not hash to the id"
        raise Corrupt(msg)
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        msg = f"artefact {artefact_id}: {_MANIFEST} cannot be read: {error}"
        raise Corrupt(msg) from error
    if manifest.v != MANIFEST_VERSION:
        msg = f"artefact {artefact_id}: manifest version {manifest.v}, not {MANIFEST_VERSION}"
        raise Corrupt(msg)
    if sha256(model) != manifest.model_sha256:
        msg = f"artefact {artefact_id}: {_MODEL} was changed, it does not hash to the manifest's"
        raise Corrupt(msg)
    return Artefact(artefact_id, path, manifest), model
