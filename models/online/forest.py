"""Trees that each see other labels and other features, and are replaced when they fail.

River's adaptive random forest [1]_: every tree learns each label as often as a Poisson number says,
every leaf looks at a few features drawn for it, and each tree has two ADWIN detectors on its error.
The first to warn starts a tree in the background, the second puts it in place.

Depth and the features of a leaf bound memory, time and the size of a snapshot; see
`models.online.tree`.

References
----------
.. [1] H. M. Gomes et al., "Adaptive random forests for evolving data stream classification",
   Machine Learning 106 (2017) 1469-1495.
"""

from dataclasses import dataclass

from domain.errors import BadUse
from domain.ids import digest
from models.contract import State
from models.labels.delayed import DelayedLabels
from models.online.river_import import lean_river
from models.online.river_model import RiverModel, adwin, check_names
from models.online.tree import LEAF_ANSWERS, MAX_DEPTH, NEVER, LeafAnswer

ALGORITHM = "adaptive-random-forest-1"
"""Part of the identity. Counts up when the arithmetic changes, also by a new River."""

MAX_TREES = 100
"""Above it an answer takes more than a millisecond."""


@dataclass(frozen=True, slots=True)
class OnlineForest:
    """Config of the adaptive random forest.

    Parameters
    ----------
    feature_schema
        Schema of the vectors it reads.
    feature_names
        One name per feature, distinct, in the order of the vector.
    labels
        The rule that makes what it learns from: another horizon is another model.
    seed
        Of the resampling and of the choice of features (>= 0); the same for every symbol.
    trees
        How many, in [1, 100].
    max_features
        Features that a leaf looks at, in [1, number of features].
    resampling_rate
        Mean of the Poisson number of times that a tree learns a label, in [1, 20]. The paper takes
        6; labels whose horizons overlap repeat each other enough.
    max_depth
        Splits on the way to a leaf, in [1, 12].
    grace_period
        Weight of labels in a leaf between two tries to split it (> 0). A label weighs about
        ``resampling_rate``.
    delta
        Chance that a split is not the best one, in (0, 1).
    tau
        A bound below this splits although two thresholds are about equally good, in [0, 1].
    leaf_answer
        See `models.online.tree.LeafAnswer`.
    warning_delta, drift_delta
        Chance of a false alarm of the detector that starts a tree in the background, and of the one
        that puts it in place, in (0, 1).
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
    trees: int = 5
    max_features: int = 8
    resampling_rate: int = 1
    max_depth: int = 3
    grace_period: int = 200
    delta: float = 0.01
    tau: float = 0.02
    leaf_answer: LeafAnswer = "mc"
    warning_delta: float = 0.01
    drift_delta: float = 0.001
    min_labels: int = 200

    def __post_init__(self) -> None:
        check_names(self.feature_names)
        width = len(self.feature_names)
        if not (
            self.seed >= 0
            and 1 <= self.trees <= MAX_TREES
            and 1 <= self.max_features <= width
            and 1 <= self.resampling_rate <= 20
            and 1 <= self.max_depth <= MAX_DEPTH
            and all(0 < chance < 1 for chance in (self.delta, self.warning_delta, self.drift_delta))
            and 0 <= self.tau <= 1
            and self.grace_period > 0
            and self.min_labels > 0
            and self.leaf_answer in LEAF_ANSWERS
        ):
            msg = (
                f"seed >= 0, trees in [1, {MAX_TREES}], max_features in [1, {width}], "
                f"resampling_rate in [1, 20], max_depth in [1, {MAX_DEPTH}], delta, warning_delta "
                "and drift_delta in (0, 1), tau in [0, 1], grace_period and min_labels > 0, "
                f"leaf_answer of {LEAF_ANSWERS} are needed: {self}"
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
            self.trees,
            self.max_features,
            self.resampling_rate,
            self.max_depth,
            self.grace_period,
            repr(float(self.delta)),
            repr(float(self.tau)),
            self.leaf_answer,
            repr(float(self.warning_delta)),
            repr(float(self.drift_delta)),
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
            from river import forest

        classifier = forest.ARFClassifier(
            n_models=self.trees,
            max_features=self.max_features,
            lambda_value=self.resampling_rate,
            drift_detector=adwin(self.drift_delta),
            warning_detector=adwin(self.warning_delta),
            grace_period=self.grace_period,
            max_depth=self.max_depth,
            delta=self.delta,
            tau=self.tau,
            leaf_prediction=self.leaf_answer,
            binary_split=True,
            memory_estimate_period=NEVER,
            seed=self.seed,
        )
        model = RiverModel(self, classifier)
        if resume_state is not None:
            model.restore(resume_state)
        return model
