"""The default ensemble: who takes part, with which parameters."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from jobs.evaluation.tape import Tape
from models.batch.forest_trainer import ForestLearner, ForestParams
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.contract import OnlineConfig
from models.ensemble import EnsembleConfig
from models.online.choice import Member, OnlineChoice
from models.online.forest import OnlineForest
from models.online.logistic import OnlineLogistic
from models.online.tree import OnlineTree
from models.rules import RulesConfig
from models.sequence.lstm_trainer import LstmLearner, LstmParams
from models.training.learner import Learner


@dataclass(frozen=True)
class Lineup:
    """Trained and learning members, and how they are combined.

    Attributes
    ----------
    learners
        Trained for every fold; the first is the one that is looked at more closely.
    ensemble
        Weights and thresholds.
    """

    learners: tuple[Learner, ...]
    ensemble: EnsembleConfig

    def stream(self, tape: Tape) -> tuple[OnlineConfig, RulesConfig]:
        """Return the members that learn on the tape itself."""
        data = tape.data
        read = (data.feature_schema, data.feature_names, tape.rule)
        members: dict[str, Member] = {
            "logistic": OnlineLogistic(*read, learning_rate=0.001, min_labels=1_000),
            "tree": OnlineTree(*read, min_labels=1_000),
            "forest": OnlineForest(*read, min_labels=1_000),
        }
        return OnlineChoice(members), RulesConfig(*read[:2])

    def trees(self) -> "Lineup":
        """Return the same with the boosted trees as the only trained member."""
        return replace(self, learners=self.learners[:1])

    def words(self) -> dict[str, Any]:
        """Return every parameter, ready for JSON."""
        learners = {one.kind: {**one.params(), "seeds": one.seeds()} for one in self.learners}
        return {"learners": learners, "ensemble": asdict(self.ensemble)}


def minute_lineup() -> Lineup:
    """Return the members for bars of a minute: every trainer's own defaults, as `aifx train`."""
    return Lineup(
        learners=(XgboostLearner(), ForestLearner(), LstmLearner()),
        ensemble=EnsembleConfig(learning_rate=0.2),
    )


def default_lineup() -> Lineup:
    """Return the members for bars of an hour: larger leaves and deeper trees than for minutes."""
    return Lineup(
        learners=(
            XgboostLearner(
                XgboostParams(
                    trees=400,
                    patience=40,
                    depth=5,
                    learning_rate=0.03,
                    subsample=0.6,
                    column_share=0.5,
                    min_child_weight=40.0,
                )
            ),
            ForestLearner(
                ForestParams(depth=9, min_leaf_rows=60, column_share=0.2, tree_rows=40_000)
            ),
            # On bars of the bid the rollover is missing every day: a longer window hardly fills.
            LstmLearner(LstmParams(window=8)),
        ),
        ensemble=EnsembleConfig(
            weights={"online": 0.5, "xgboost": 1.0, "forest": 1.0, "lstm": 0.5, "rules": 0.25},
            learning_rate=0.2,
            half_life_labels=2_000,
            weight_floor=0.02,
        ),
    )
