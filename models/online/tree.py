"""A decision tree that grows on the stream and replaces the parts that no longer hold.

River's Hoeffding adaptive tree [1]_: a leaf splits once the Hoeffding bound says that the best
threshold is the best [2]_, and every node watches its own error with ADWIN [3]_. Where the error
rises, another subtree starts to learn beside it and takes its place when it is better.

River keeps, for each leaf that may still split, a Gaussian per feature and class. Depth is the one
bound on memory, time and the size of a snapshot that does not depend on the data, so it is always
set: a leaf at ``max_depth`` only counts classes.

References
----------
.. [1] A. Bifet and R. Gavalda, "Adaptive Learning from Evolving Data Streams", IDA 2009, 249-260.
.. [2] P. Domingos and G. Hulten, "Mining High-Speed Data Streams", KDD 2000, 71-80.
.. [3] A. Bifet and R. Gavalda, "Learning from Time-Changing Data with Adaptive Windowing",
   SDM 2007, 443-448.
"""

from dataclasses import dataclass
from typing import Literal

from domain.errors import BadUse
from domain.ids import digest
from models.contract import State
from models.labels.delayed import DelayedLabels
from models.online.river_import import lean_river
from models.online.river_model import RiverModel, adwin, check_names

ALGORITHM = "hoeffding-adaptive-tree-1"
"""Part of the identity. Counts up when the arithmetic changes, also by a new River."""

LeafAnswer = Literal["mc", "nb", "nba"]
"""What a leaf answers: the shares of its classes, naive Bayes, or which of both was more often
right. Naive Bayes multiplies features as if each knew something of its own: on features that say
the same thing it is far too sure."""

LEAF_ANSWERS: tuple[LeafAnswer, ...] = ("mc", "nb", "nba")

MAX_DEPTH = 12
"""Above it a tree may have more leaves (4,096) than a day has labels."""

NEVER = 1 << 62
"""Labels between two looks at River's own memory limit: none. It measures Python objects, which
differ between builds of Python, so what it did to a tree would not be a function of the log."""


@dataclass(frozen=True, slots=True)
class OnlineTree:
    """Config of the Hoeffding adaptive tree.

    Parameters
    ----------
    feature_schema
        Schema of the vectors it reads.
    feature_names
        One name per feature, distinct, in the order of the vector.
    labels
        The rule that makes what it learns from: another horizon is another model.
    seed
        Of the resampling of labels in the leaves (>= 0); the same for every symbol.
    max_depth
        Splits on the way to a leaf, in [1, 12].
    grace_period
        Weight of labels in a leaf between two tries to split it (> 0).
    delta
        Chance that a split is not the best one, in (0, 1).
    tau
        A bound below this splits although two thresholds are about equally good, in [0, 1].
    leaf_answer
        See `LeafAnswer`.
    drift_delta
        Chance of a false alarm of the detector in each node, in (0, 1).
    drift_window_labels
        Labels that a node and its replacement must have seen before they are compared (> 0).
    switch_significance
        Chance that a replacement which is not better takes over, in (0, 1).
    min_labels
        Labels to learn before the first answer (> 0).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    feature_schema: str
    feature_names: tuple[str, ...]
    labels: DelayedLabels
    seed: int = 1
    max_depth: int = 3
    grace_period: int = 200
    delta: float = 1e-5
    tau: float = 0.02
    leaf_answer: LeafAnswer = "mc"
    drift_delta: float = 0.002
    drift_window_labels: int = 300
    switch_significance: float = 0.05
    min_labels: int = 200

    def __post_init__(self) -> None:
        check_names(self.feature_names)
        chances = (self.delta, self.drift_delta, self.switch_significance)
        counts = (self.grace_period, self.drift_window_labels, self.min_labels)
        if not (
            self.seed >= 0
            and 1 <= self.max_depth <= MAX_DEPTH
            and all(0 < chance < 1 for chance in chances)
            and 0 <= self.tau <= 1
            and all(count > 0 for count in counts)
            and self.leaf_answer in LEAF_ANSWERS
        ):
            msg = (
                f"seed >= 0, max_depth in [1, {MAX_DEPTH}], delta, drift_delta and "
                "switch_significance in (0, 1), tau in [0, 1], grace_period, drift_window_labels "
                f"and min_labels > 0, leaf_answer of {LEAF_ANSWERS} are needed: {self}"
            )
            raise BadUse(msg)

    @property
    def model_id(self) -> str:
        """Digest of the algorithm and of every field."""
        return digest(
            ALGORITHM,
            self.feature_schema,
            len(self.feature_names),
            *self.feature_names,
            self.labels.rule_id,
            self.seed,
            self.max_depth,
            self.grace_period,
            repr(float(self.delta)),
            repr(float(self.tau)),
            self.leaf_answer,
            repr(float(self.drift_delta)),
            self.drift_window_labels,
            repr(float(self.switch_significance)),
            self.min_labels,
        )

    def build(self, resume_state: State | None) -> RiverModel:
        """Return a model that has learned nothing, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version, belongs to another config or is not whole.
        """
        # River takes seconds to import, and only who runs the model needs it, not who names it.
        with lean_river():
            from river.tree import HoeffdingAdaptiveTreeClassifier

        from models.online.river_leaves import CountingTree

        kind = CountingTree if self.leaf_answer == "mc" else HoeffdingAdaptiveTreeClassifier
        classifier = kind(
            grace_period=self.grace_period,
            max_depth=self.max_depth,
            delta=self.delta,
            tau=self.tau,
            leaf_prediction=self.leaf_answer,
            drift_window_threshold=self.drift_window_labels,
            drift_detector=adwin(self.drift_delta),
            switch_significance=self.switch_significance,
            binary_split=True,
            memory_estimate_period=NEVER,
            seed=self.seed,
        )
        model = RiverModel(self, classifier)
        if resume_state is not None:
            model.restore(resume_state)
        return model
