"""The feature kernel beside its plain-Python form, and the list that it shares with the spec."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from numba.extending import is_jitted

from features import feature_kernel as kernel_module
from features import minute_features
from features.feature_kernel import COLUMNS, PRICES, WINDOW, feature_kernel
from features.minute_features import FeatureConfig
from features.spec import CROSS_FEATURES, FEATURE_NAMES, FEATURES, LOCAL_FEATURES, WARM_UP_BARS
from testkit.bar_rows import random_rows

MOST_WARM_UP = 121
"""Two hours and a minute: what a feature may ask of a session before a run can decide."""


def _plain(compiled: Any, made: dict[str, Callable[..., Any]] | None = None) -> Callable[..., Any]:
    """Return the plain-Python form of a compiled function, also of all that it calls."""
    made = {} if made is None else made
    name = compiled.py_func.__name__
    if name not in made:
        names = dict(compiled.py_func.__globals__)
        made[name] = FunctionType(compiled.py_func.__code__, names, name)
        names.update({key: _plain(it, made) for key, it in names.items() if is_jitted(it)})
    return made[name]


def test_compiled_and_plain_python_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and the state left behind are the same to the bit, over a weekend too."""
    rows = np.concatenate(
        [random_rows(150, 1, "2024-01-12T19:30"), random_rows(150, 2, "2024-01-14T22:00")]
    )
    compiled = FeatureConfig().build("EURUSD", None)
    wanted = compiled.on_bars(rows)
    monkeypatch.setattr(minute_features, "feature_kernel", _plain(feature_kernel))
    plain = FeatureConfig().build("EURUSD", None)
    found = plain.on_bars(rows)
    assert found.values.tobytes() == wanted.values.tobytes()
    assert found.session_bars.tobytes() == wanted.session_bars.tobytes()
    assert plain.snapshot() == compiled.snapshot()


def test_all_that_is_compiled_stands_in_one_file() -> None:
    """The cache of numba does not see a change in another file: the old code would go on."""
    for value in vars(kernel_module).values():
        if is_jitted(value):
            assert value.py_func.__module__ == kernel_module.__name__


def test_the_kernel_lists_the_features_of_the_spec() -> None:
    """Order and names of the columns are those that models know."""
    assert tuple(feature.name for feature in LOCAL_FEATURES) == COLUMNS
    assert FEATURES == LOCAL_FEATURES + CROSS_FEATURES
    assert len(set(FEATURE_NAMES)) == len(FEATURES) >= 50


def test_no_feature_asks_for_more_bars_than_are_kept() -> None:
    """The longest look-back is that of the closes; a run is warm two hours after the opening."""
    assert max(feature.warm_up_bars for feature in FEATURES) == WARM_UP_BARS == MOST_WARM_UP
    assert PRICES + 1 == MOST_WARM_UP
    assert WINDOW <= PRICES
