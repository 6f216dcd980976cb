"""What every River classifier on the stream has in common: readiness, labels, snapshots."""

from typing import Any, Protocol

from domain.errors import BadUse
from models.contract import Features, Role, State, reading, usable
from models.labels.delayed import DelayedLabels
from models.online import river_state
from models.online.river_import import lean_river

STATE_VERSION = 1


class RiverConfig(Protocol):
    """Frozen description of a classifier of River."""

    @property
    def feature_schema(self) -> str:
        """Schema of the vectors it reads."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name per feature, in the order of the vector."""

    @property
    def labels(self) -> DelayedLabels:
        """The rule that makes what it learns from."""

    @property
    def min_labels(self) -> int:
        """Labels to learn before the first answer."""

    @property
    def model_id(self) -> str:
        """Digest of the algorithm and of every field."""


def check_names(names: tuple[str, ...]) -> None:
    """Refuse a config without features, or with one name twice.

    Raises
    ------
    BadUse
        If so.
    """
    if not names or len(set(names)) != len(names):
        msg = f"an online model needs distinct feature names, not {names}"
        raise BadUse(msg)


def adwin(delta: float, clock: int = 32) -> Any:
    """Return River's ADWIN that has seen nothing.

    Parameters
    ----------
    delta
        Chance of a false alarm, in (0, 1).
    clock
        Values between two looks at its cuts (> 0).
    """
    # River takes seconds to import, and only who runs a model needs it, not who names it.
    with lean_river():
        from river import drift

    return drift.ADWIN(delta=delta, clock=clock)  # type: ignore[no-untyped-call]  # River's gap


class RiverModel:
    """The learning model of one symbol; see `models.contract.OnlineModel`.

    Features are given to River by their place in the vector, not by name: the state is shorter, and
    no order depends on names.

    Parameters
    ----------
    config
        Names the model and says when it is ready.
    classifier
        A classifier of River that has learned nothing, of a class that `river_state` can write. Its
        labels are 0 and 1.

    Attributes
    ----------
    labels_learned
        How many labels it has learned; it answers from ``min_labels`` on.
    """

    role: Role = "online"

    def __init__(self, config: RiverConfig, classifier: Any) -> None:
        self._width = len(config.feature_names)
        self._min_labels = config.min_labels
        self._classifier = classifier
        self._snapshot: State | None = None
        self.model_id = config.model_id
        self.feature_schema = config.feature_schema
        self.horizon_ns = config.labels.horizon_ns
        self.labels_learned = 0

    def predict(self, x: Features) -> float | None:
        """Return the probability of a higher mid, or None before ``min_labels`` or for NaN."""
        if not usable(x, self._width) or self.labels_learned < self._min_labels:
            return None
        votes = self._classifier.predict_proba_one(dict(enumerate(x.tolist())))
        up, down = votes.get(1, 0.0), votes.get(0, 0.0)
        # River's votes need not sum to one, and are all zero where no leaf has seen anything.
        return float(up / (up + down)) if up + down > 0 else None

    def learn(self, x: Features, y: int) -> None:
        """Learn one labelled vector (``y`` 0 or 1); one with NaN is passed over."""
        if y not in (0, 1):
            msg = f"a label is 0 or 1, not {y!r}"
            raise BadUse(msg)
        if usable(x, self._width):
            self._classifier.learn_one(dict(enumerate(x.tolist())), int(y))
            self.labels_learned += 1
            self._snapshot = None

    def snapshot(self) -> State:
        """Return all it has learned as a plain mapping; not to be changed.

        It is kept until the next label: the engine asks every second, labels come with the bars.
        """
        if self._snapshot is None:
            self._snapshot = {
                "v": STATE_VERSION,
                "owner": self.model_id,
                "labels_learned": self.labels_learned,
                "classifier": river_state.encode(self._classifier),
            }
        return self._snapshot

    def restore(self, state: State) -> None:
        """Become what the snapshot was taken of, to the bit.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version, belongs to another config or is not whole.
        """
        with reading(state, STATE_VERSION, self.model_id, "online model"):
            kind = type(self._classifier).__name__
            self._classifier = river_state.decode(state["classifier"], kind)
            self.labels_learned = state["labels_learned"]
            self._snapshot = None
