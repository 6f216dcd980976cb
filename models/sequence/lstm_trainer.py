"""An LSTM over the last rows of a symbol; see `models.sequence.lstm_network`."""

from dataclasses import asdict, dataclass, field
from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray

from domain.deployments import Slot
from domain.errors import BadUse
from models.labels.arrays import Labels
from models.sequence.lstm_network import Network, log_odds, optimiser, step
from models.training.calibrated import CalibratedModel, calibrated
from models.training.calibration import METHODS, Link, Method
from models.training.dataset import Rows, TrainingData
from models.training.learner import (
    Floats,
    Holdout,
    Say,
    cut,
    sample_weights,
    weighted_log_loss,
)
from models.training.onnx_graph import INPUT, Graph

LIMIT = 5.0
"""Standardised values are kept within this many deviations: prices have tails, and one wild row
must not fill the state for the rest of the window."""

MAX_WATCHED = 20_000
"""Held-out rows, evenly spread, that are asked after each epoch."""

_PADDED_ROWS = 4096
"""JAX compiles anew for each number of rows; so data of about the same length share what it did."""

_NO_SPREAD = 1e-6
"""Of the mean: float32 cannot tell values apart that differ by less."""


@dataclass(frozen=True, slots=True)
class LstmParams:
    """How to train.

    Parameters
    ----------
    window
        Rows that it reads, in [2, 256].
    hidden
        Size of the state: a power of two in [2, 128].
    epochs
        Most epochs (>= 1); early stopping takes fewer, and the best weights are kept.
    patience
        Epochs without a lower log loss on the held-out rows after which it stops (>= 1).
    rows_per_epoch
        Most windows in an epoch, drawn anew for each (>= batch_rows).
    batch_rows
        Windows in one step (>= 1).
    learning_rate
        In (0, 0.1].
    weight_decay
        Pull of the weights to zero, in [0, 1].
    seed
        Seed of the first weights and of the draws, in [0, 2**31).
    calibration
        ``platt``, ``isotonic`` or ``none``.
    holdout
        How the newest rows are held out.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    window: int = 24
    hidden: int = 16
    epochs: int = 20
    patience: int = 4
    rows_per_epoch: int = 16_384
    batch_rows: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    seed: int = 7
    calibration: Method = "platt"
    holdout: Holdout = field(default_factory=Holdout)

    def __post_init__(self) -> None:
        if (
            not 2 <= self.window <= 256
            or not (2 <= self.hidden <= 128 and self.hidden.bit_count() == 1)
            or min(self.epochs, self.patience, self.batch_rows) < 1
            or self.rows_per_epoch < self.batch_rows
            or not 0 < self.learning_rate <= 0.1
            or not 0 <= self.weight_decay <= 1
            or not 0 <= self.seed < 2**31
            or self.calibration not in METHODS
        ):
            msg = f"a training parameter is out of its bounds: {self}"
            raise BadUse(msg)


class LstmLearner:
    """Trains an LSTM; see `models.training.learner.Learner`."""

    kind: Slot = "lstm"
    libraries = ("jax", "jaxlib", "equinox", "optax")

    def __init__(self, params: LstmParams | None = None) -> None:
        self._params = LstmParams() if params is None else params

    @property
    def window(self) -> int:
        """Rows that the model reads."""
        return self._params.window

    def params(self) -> dict[str, Any]:
        """Return every parameter but the seed."""
        found = asdict(self._params)
        del found["seed"]
        return found

    def seeds(self) -> dict[str, int]:
        """Return the seed of weights and draws."""
        return {"weights_and_draws": self._params.seed}

    def fit(self, data: TrainingData, labels: Labels, rows: Rows, say: Say) -> CalibratedModel:
        """Train, stop early and calibrate; see `models.training.learner.Learner`."""
        params = self._params
        fit, held = cut(data, labels, rows, params.holdout, say)
        scale = _Scale.of(data.x[fit])
        # On a processor of the machine wherever JAX would find something faster: others sum in
        # another order from run to run.
        with jax.default_device(jax.devices("cpu")[0]):
            network, facts = self._train(data, labels, fit, held, scale, say)
        core = _Lstm(network, scale, params.window)
        facts |= {"fit_rows": len(fit), "held_rows": len(held)}
        return calibrated(core, data, labels, held, params.calibration, facts)

    def _train(
        self,
        data: TrainingData,
        labels: Labels,
        fit: Rows,
        held: Rows,
        scale: "_Scale",
        say: Say,
    ) -> tuple[Network, dict[str, Any]]:
        params = self._params
        weight = np.zeros(len(data.ts_ns), dtype=np.float32)
        weight[fit] = sample_weights(labels, fit)
        x = _column(scale.apply(data.x))
        columns = (x, _column(np.nan_to_num(labels.y)), _column(weight))
        spread = np.linspace(0, len(held) - 1, min(MAX_WATCHED, len(held))).astype(np.intp)
        watched = held[spread]
        watched_weight = sample_weights(labels, watched)
        network = Network(len(data.feature_names), params.hidden, params.seed)
        rule = optimiser(params.learning_rate, params.weight_decay)
        state = rule.init(eqx.filter(network, eqx.is_array))
        best, best_loss, best_epoch, done = network, np.inf, 0, 0
        for done in range(1, params.epochs + 1):
            for batch in _draw(fit, params, done):
                network, state = step(network, state, rule, columns, batch, params.window)
            score = log_odds(network, x, watched, params.window)
            loss = weighted_log_loss(labels.y[watched], score, watched_weight)
            if loss < best_loss:
                best, best_loss, best_epoch = network, loss, done
            if done - best_epoch >= params.patience:
                break
        say(f"lstm: epoch {best_epoch} of {done} tried, held-out log loss {best_loss:.5f}")
        return best, {"epochs": best_epoch, "epochs_tried": done, "held_log_loss": best_loss}


def _draw(fit: Rows, params: LstmParams, number: int) -> Rows:
    """Return the batches of one epoch, shape (n_batches, batch_rows): no row twice."""
    size = min(params.batch_rows, len(fit))
    count = max(1, min(params.rows_per_epoch, len(fit)) // size)
    order = np.random.default_rng([params.seed, number]).permutation(len(fit))
    return fit[order[: count * size]].reshape(count, size)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Standardisation by the fitted rows, in float32 as in the graph; shape (n_features,) each."""

    mean: NDArray[np.float32]
    inverse: NDArray[np.float32]

    @classmethod
    def of(cls, x: Floats) -> "_Scale":
        mean, spread = x.mean(axis=0), x.std(axis=0)
        tells = spread > np.maximum(_NO_SPREAD * np.abs(mean), 1e-30)
        inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=tells)
        # A column without spread is 0 at every row, also at one of the largest size.
        return cls(np.where(tells, mean, 0.0).astype(np.float32), inverse.astype(np.float32))

    def apply(self, x: Floats) -> NDArray[np.float32]:
        with np.errstate(over="ignore", invalid="ignore"):  # rows that cannot be read are not asked
            scaled = (x.astype(np.float32) - self.mean) * self.inverse
        kept: NDArray[np.float32] = np.clip(scaled, -LIMIT, LIMIT, dtype=np.float32)
        return kept


@dataclass(frozen=True, slots=True)
class _Lstm:
    """The best network; see `models.training.calibrated.Core`."""

    network: Network
    scale: _Scale
    window: int
    link: Link = "log_odds"

    def scores(self, data: TrainingData, rows: Rows) -> Floats:
        with jax.default_device(jax.devices("cpu")[0]):
            x = _column(self.scale.apply(data.x))
            return log_odds(self.network, x, rows, self.window)

    def write(self) -> tuple[Graph, str]:
        cell = self.network.cell
        hidden, n_features = cell.hidden_size, cell.input_size
        graph = Graph((self.window, n_features))
        x = graph.node("Sub", [INPUT, graph.constant(self.scale.mean)])
        x = graph.node("Mul", [x, graph.constant(self.scale.inverse)])
        x = graph.node("Clip", [x, graph.constant(-LIMIT), graph.constant(LIMIT)])
        x = graph.node("Transpose", [x], perm=[1, 0, 2])
        bias = _onnx_gates(jax.numpy.asarray(cell.bias))
        weights = [
            graph.constant(_onnx_gates(cell.weight_ih)[None]),
            graph.constant(_onnx_gates(cell.weight_hh)[None]),
            # The second half is for the state; one bias is enough.
            graph.constant(np.concatenate([bias, np.zeros(4 * hidden)])[None]),
        ]
        # The first output holds the states of all steps, of which only the last is wanted.
        (state,) = graph.nodes("LSTM", [x, *weights], 1, skipped=1, hidden_size=hidden)
        last = graph.node("Squeeze", [state, graph.constant(np.array([0]))])
        parts = graph.node("Mul", [last, graph.constant(np.asarray(self.network.readout)[None])])
        level = graph.constant(float(self.network.bias))
        return graph, graph.node("Add", [graph.sum_of(parts, hidden), level])


def _column(values: NDArray[Any]) -> jax.Array:
    """Return rows as float32, with rows of 0 behind them up to a multiple of `_PADDED_ROWS`."""
    missing = -len(values) % _PADDED_ROWS
    behind = np.zeros((missing, *values.shape[1:]), dtype=np.float32)
    return jax.numpy.asarray(np.concatenate([values.astype(np.float32), behind]))


def _onnx_gates(weights: jax.Array) -> NDArray[np.float32]:
    """Reorder gates from Equinox's input, forget, cell, output to ONNX's i, o, f, c."""
    i, f, g, o = np.split(np.asarray(weights), 4, axis=0)
    return np.concatenate([i, o, f, g], axis=0)
