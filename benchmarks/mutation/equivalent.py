"""Faults that no test can notice, because nothing that anybody sees depends on them."""

from collections.abc import Mapping

EQUIVALENT: Mapping[tuple[str, str, str], str] = {}
"""Why, by file, function and change. They count as survivors all the same."""
