"""River's adaptive tree without the naive Bayes that nobody asks.

A leaf of River's Hoeffding adaptive tree computes naive Bayes over all features with every label,
to know which answer was more often right, also where the tree only ever answers with the shares of
its classes. That is half the cost of learning, and changes nothing: the tests hold this tree
against River's own, answer by answer.

This module imports River; import it where a model is built.
"""

from typing import Any

from models.online.river_import import lean_river

with lean_river():
    from river.tree import HoeffdingAdaptiveTreeClassifier
    from river.tree.nodes.hatc_nodes import AdaLeafClassifier
    from river.tree.nodes.htc_nodes import LeafNaiveBayesAdaptive
    from river.tree.nodes.leaf import HTLeaf


class _WithoutBayes(LeafNaiveBayesAdaptive):
    def learn_one(self, x: Any, y: Any, *, w: float = 1.0, tree: Any = None) -> None:
        HTLeaf.learn_one(self, x, y, w=w, tree=tree)  # type: ignore[no-untyped-call]  # River has no types


class CountingLeaf(AdaLeafClassifier, _WithoutBayes):
    """A leaf that counts classes, watches its error and looks for splits.

    ``AdaLeafClassifier.learn_one`` calls the next class in order, which is the one above: it passes
    over the comparison of both answers and learns the rest.
    """


class CountingTree(HoeffdingAdaptiveTreeClassifier):
    """A Hoeffding adaptive tree of `CountingLeaf`; for ``leaf_prediction="mc"`` only."""

    def _new_leaf(self, initial_stats: Any = None, parent: Any = None) -> CountingLeaf:
        return CountingLeaf(  # type: ignore[no-untyped-call]  # as above
            stats={} if initial_stats is None else initial_stats,
            depth=0 if parent is None else parent.depth + 1,
            splitter=self.splitter,
            drift_detector=self.drift_detector.clone(),
            rng=self._rng,
        )
