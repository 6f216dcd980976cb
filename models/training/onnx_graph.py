"""ONNX graphs, written by hand: a score, and the calibration that follows it.

Every graph has one input ``x`` with a free first dimension and one output ``p_up``, shape (n, 1).
The runtime takes some rows of a batch eight or sixteen at once and the rest one by one. Logarithms
and sums over a row then differ in the last bit from what a row gets alone, so there are none here:
an answer must not depend on who else is asked. The same parts give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from models.training.calibration import Calibrator

OPSET, ML_OPSET, IR_VERSION = 15, 3, 8
"""Old enough for every runtime since 2022; a newer one would add nothing that is used here."""

INPUT, OUTPUT = "x", "p_up"


Mode = Literal["BRANCH_LT", "BRANCH_LEQ"]
"""Whether a value that equals the threshold goes right, or left."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A binary tree as columns, one row a node, the root first; shape (n_nodes,) each.

    Attributes
    ----------
    feature, threshold
        What is compared; at a leaf they mean nothing.
    left, right
        Node where the comparison holds, and where it does not; -1 at a leaf.
    value
        Shape (n_nodes, n_targets): what a leaf adds to each sum.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float32]


@dataclass(slots=True)
class Graph:
    """A graph that is being written.

    Attributes
    ----------
    shape
        Of one entry of the input: (n_features,) or (window, n_features).
    """

    shape: tuple[int, ...]
    _nodes: list[onnx.NodeProto] = field(default_factory=list)
    _constants: list[onnx.TensorProto] = field(default_factory=list)

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a standard operator, and return the name of its one output."""
        return self.nodes(operator, inputs, 1, **attributes)[0]

    def nodes(
        self,
        operator: str,
        inputs: Sequence[str],
        count: int,
        skipped: int = 0,
        domain: str = "",
        **attributes: Any,
    ) -> list[str]:
        """Add an operator, and return the names of ``count`` outputs after the ``skipped`` ones."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        outputs = [f"{name}_{at}" for at in range(count)]
        self._nodes.append(
            helper.make_node(
                operator, inputs, [""] * skipped + outputs, name=name, domain=domain, **attributes
            )
        )
        return outputs

    def constant(self, values: NDArray[Any] | Sequence[float] | float) -> str:
        """Add float32 numbers, or int64 where they are given as such, and return their name."""
        array = np.asarray(values)
        whole = array.dtype == np.int64
        array = np.ascontiguousarray(array, dtype="<i8" if whole else "<f4")
        name = f"constant_{len(self._constants)}"
        kind = TensorProto.INT64 if whole else TensorProto.FLOAT
        self._constants.append(helper.make_tensor(name, kind, array.shape, array.tobytes(), True))
        return name

    def sum_of(self, values: str, width: int) -> str:
        """Return the sum of each row, (n, width) to (n, 1); ``width`` is a power of two.

        Halves are added until one column is left: the same order of additions in every batch.
        """
        while width > 1:
            values = self.node("Add", self.nodes("Split", [values], 2, axis=1))
            width //= 2
        return values

    def trees(self, trees: Sequence[Tree], mode: Mode, source: str = INPUT) -> str:
        """Add the sum of trees over an input, and return its name, shape (n, n_targets)."""
        tree = np.concatenate([np.full(len(t.left), k) for k, t in enumerate(trees)])
        node = np.concatenate([np.arange(len(t.left)) for t in trees])
        left = np.concatenate([t.left for t in trees])
        leaf = left < 0
        columns = {
            "featureids": np.where(leaf, 0, np.concatenate([t.feature for t in trees])),
            "falsenodeids": np.where(leaf, 0, np.concatenate([t.right for t in trees])),
            "truenodeids": np.where(leaf, 0, left),
            "values": np.where(leaf, 0, np.concatenate([t.threshold for t in trees])),
            "treeids": tree,
            "nodeids": node,
            "modes": np.where(leaf, "LEAF", mode),
        }
        weights = np.concatenate([t.value for t in trees])[leaf]
        targets = weights.shape[1]
        return self.nodes(
            "TreeEnsembleRegressor",
            [source],
            1,
            domain="ai.onnx.ml",
            **{f"nodes_{name}": column.tolist() for name, column in columns.items()},
            target_treeids=np.repeat(tree[leaf], targets).tolist(),
            target_nodeids=np.repeat(node[leaf], targets).tolist(),
            target_ids=list(range(targets)) * int(leaf.sum()),
            target_weights=weights.ravel().tolist(),
            n_targets=targets,
            aggregate_function="SUM",
            post_transform="NONE",
        )[0]

    def finish(self, score: str, calibrator: Calibrator) -> bytes:
        """Put the calibration behind the score (n, 1), and return the whole as bytes."""
        if calibrator.method == "isotonic":
            self._lines(score, calibrator)
        elif calibrator.method == "platt":
            score = self.node("Mul", [score, self.constant(calibrator.slope)])
            score = self.node("Add", [score, self.constant(calibrator.intercept)])
            self.node("Sigmoid", [score])
        elif calibrator.link == "log_odds":
            self.node("Sigmoid", [score])
        self._nodes[-1].output[0] = OUTPUT  # whatever stands last is the answer
        entry = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", *self.shape])
        answer = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", 1])
        graph = helper.make_graph(
            self._nodes, "aifx", [entry], [answer], initializer=self._constants
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="aifx")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _lines(self, score: str, calibrator: Calibrator) -> str:
        """Add straight lines between knots: a tree finds the line, and the line is followed."""
        knots, levels = np.array(calibrator.scores), np.array(calibrator.probabilities)
        slopes = np.concatenate([[0.0], np.diff(levels) / np.diff(knots), [0.0]])
        starts = np.concatenate([knots[:1], knots])
        lines = np.stack([starts, slopes, np.concatenate([levels[:1], levels])], axis=1)
        found = self.trees([_search_tree(knots, lines)], "BRANCH_LT", score)
        start, slope, level = self.nodes("Split", [found], 3, axis=1)
        rise = self.node("Mul", [self.node("Sub", [score, start]), slope])
        return self.node("Add", [rise, level])


def _search_tree(borders: NDArray[np.float64], values: NDArray[np.float64]) -> Tree:
    """Return the balanced tree that finds ``values[k]`` for a number between borders k - 1 and k.

    Parameters
    ----------
    borders
        Shape (n,), rising.
    values
        Shape (n + 1, n_targets).
    """
    threshold: list[float] = []
    left: list[int] = []
    right: list[int] = []
    value: list[NDArray[np.float64]] = []

    def grow(low: int, high: int) -> int:
        """Add the tree over ``values[low : high + 1]``, and return its root."""
        at, middle = len(left), (low + high) // 2
        inner = low < high
        threshold.append(float(borders[middle]) if inner else 0.0)
        left.append(-1)
        right.append(-1)
        value.append(values[low])
        if inner:
            left[at] = grow(low, middle)
            right[at] = grow(middle + 1, high)
        return at

    grow(0, len(borders))
    return Tree(
        feature=np.zeros(len(left), dtype=np.int64),
        threshold=np.array(threshold, dtype=np.float32),
        left=np.array(left, dtype=np.int64),
        right=np.array(right, dtype=np.int64),
        value=np.array(value, dtype=np.float32),
    )
