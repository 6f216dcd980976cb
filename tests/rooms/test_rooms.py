"""The rooms of the repository: each is declared, described, and under the import contracts."""

import ast
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NOT_SHIPPED = {"tests", "benchmarks"}
ROOMS = sorted(
    p.parent.name for p in REPOSITORY.glob("*/__init__.py") if not p.parent.name.startswith(".")
)
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def test_every_room_is_under_the_import_contracts() -> None:
    """A room that no contract knows could import anything."""
    declared = set(PROJECT["tool"]["importlinter"]["root_packages"])
    assert declared == set(ROOMS) - NOT_SHIPPED


def test_every_room_is_in_the_layers_or_beside_them_by_name() -> None:
    """The layers name all rooms but the two that stand beside them."""
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {room.strip() for layer in layers for room in layer.split("|")}
    assert named | {"config", "testkit"} == set(ROOMS) - NOT_SHIPPED


def test_every_room_ships() -> None:
    """What is not packaged is missing where it was not expected to be."""
    find = PROJECT["tool"]["setuptools"]["packages"]["find"]
    included = {name.rstrip("*") for name in find["include"]}
    assert included == set(ROOMS) - NOT_SHIPPED


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_belongs_in_it_and_what_does_not(room: str) -> None:
    """A newcomer finds the room for a change by its first lines."""
    text = ast.get_docstring(ast.parse((REPOSITORY / room / "__init__.py").read_text())) or ""
    assert "Belongs here" in text
    assert "Does not belong here" in text


@pytest.mark.parametrize("room", [r for r in ROOMS if r not in NOT_SHIPPED])
def test_no_file_has_outgrown_its_idea(room: str) -> None:
    """Beyond 400 lines a file holds two ideas."""
    long = {
        str(path.relative_to(REPOSITORY)): lines
        for path in (REPOSITORY / room).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long
