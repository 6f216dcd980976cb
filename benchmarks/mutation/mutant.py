"""One fault in one place of a source file."""

from pathlib import Path

import msgspec


class Mutant(msgspec.Struct, frozen=True):
    """A source file with one fault in it.

    Attributes
    ----------
    path
        The file, from the root of the repository.
    line
        Where the fault is (from 1).
    function
        Qualified name of the function whose body it changes; empty for what is only run when the
        module is imported: constants, fields, defaults.
    operator
        Kind of fault, as in `benchmarks.mutation.operators`.
    before, after
        The text that was changed, and what stands in its place.
    source
        The whole file with the fault.
    """

    path: str
    line: int
    function: str
    operator: str
    before: str
    after: str
    source: str

    @property
    def module(self) -> str:
        """Dotted name of the module."""
        return ".".join(Path(self.path).with_suffix("").parts)

    @property
    def change(self) -> str:
        """What was changed, on one line."""
        return f"{' '.join(self.before.split())}  ->  {' '.join(self.after.split())}"
