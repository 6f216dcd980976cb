"""The network of the LSTM [1]_ in JAX: forward pass, one step of training, log odds of rows.

Windows are never laid out in full: a batch gathers its own from the rows.

References
----------
.. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997)
   1735-1780.
.. [2] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
"""

import os
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

# JAX counts the processors when it is first used and lets each sum its part. On one thread the same
# training gives the same bits on every number of processors.
os.environ["PJRT_NPROC"] = "1"

CHUNK = 1024
"""Rows in one call of `log_odds`: every call has the same shape, so it is compiled once."""


class Network(eqx.Module):
    """One LSTM layer, and a linear readout of its last state.

    Parameters
    ----------
    n_features, hidden
        Values of a row, and of the state (> 0).
    seed
        Of the first weights.
    """

    cell: eqx.nn.LSTMCell
    readout: jax.Array
    bias: jax.Array

    def __init__(self, n_features: int, hidden: int, seed: int) -> None:
        self.cell = eqx.nn.LSTMCell(n_features, hidden, key=jax.random.PRNGKey(seed))
        # The first answer is 0.5 to everything; what is learned moves it from there.
        self.readout = jnp.zeros(hidden)
        self.bias = jnp.zeros(())

    def __call__(self, windows: jax.Array) -> jax.Array:
        """Return log odds, shape (n,), of windows of shape (n, window, n_features)."""
        cell = self.cell
        # One product for all steps: only what depends on the state must go step by step.
        inputs = jnp.swapaxes(windows @ cell.weight_ih.T + jnp.asarray(cell.bias), 0, 1)

        def advance(state: tuple[jax.Array, jax.Array], given: jax.Array) -> tuple[Any, None]:
            h, c = state
            i, f, g, o = jnp.split(given + h @ cell.weight_hh.T, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        start = jnp.zeros((windows.shape[0], cell.hidden_size))
        (h, _), _ = jax.lax.scan(advance, (start, start), inputs)
        return h @ self.readout + self.bias


@lru_cache(maxsize=8)
def optimiser(learning_rate: float, weight_decay: float) -> optax.GradientTransformation:
    """Return Adam with decoupled weight decay [2]_; the same object for the same numbers.

    The object is a key of what JAX has compiled. Gradients are kept to length 1: through many steps
    a single batch could throw the weights far away.
    """
    return optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(learning_rate, weight_decay=weight_decay)
    )


@eqx.filter_jit
def step(
    network: Network,
    state: Any,
    rule: optax.GradientTransformation,
    columns: tuple[jax.Array, jax.Array, jax.Array],
    rows: NDArray[np.intp],
    window: int,
) -> tuple[Network, Any]:
    """Train on one batch; return the network and the state of the optimiser after it.

    Parameters
    ----------
    network, state, rule
        What is trained, the state of the optimiser, and the optimiser.
    columns
        Rows (n, n_features), labels (n,) 0 and 1, weights (n,).
    rows
        Shape (n_batch,): the row that each window ends with.
    window
        Rows of a window.
    """
    x, y, weight = columns

    def loss(net: Network) -> jax.Array:
        score = net(x[rows[:, None] + jnp.arange(1 - window, 1)])
        return jnp.mean(weight[rows] * (jax.nn.softplus(score) - y[rows] * score))

    updates, after = rule.update(jax.grad(loss)(network), state, network)
    return optax.apply_updates(network, updates), after


@eqx.filter_jit
def _chunk(network: Network, x: jax.Array, rows: jax.Array, window: int) -> jax.Array:
    return network(x[rows[:, None] + jnp.arange(1 - window, 1)])


def log_odds(
    network: Network, x: jax.Array, rows: NDArray[np.intp], window: int
) -> NDArray[np.float64]:
    """Return log odds of the windows that end with some rows, shape (len(rows),)."""
    found = np.empty(len(rows))
    for at in range(0, len(rows), CHUNK):
        part = rows[at : at + CHUNK]
        padded = np.concatenate([part, np.full(CHUNK - len(part), part[0])])
        found[at : at + len(part)] = _chunk(network, x, jnp.asarray(padded), window)[: len(part)]
    return found
