"""Runs the tests against each mutant, in a process of its own that is forked with all loaded.

A fault in the body of a function is put in by giving the function other code, and only the tests
that call it are run, the quick ones first. Any other fault, also one in a function that is called
while the file is imported, is there from then on: what knows the file is forgotten and imported
anew, and all tests are collected and run.
"""

import importlib
import importlib.abc
import importlib.machinery
import os
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

from benchmarks.mutation.mutant import Mutant

CPU_S = 20
"""Seconds of computing that the tests may take with a fault in them: one that never ends is found
so, however busy the machine is. All of them together need a tenth of it."""

SURVIVED, KILLED = 0, 1

_KEPT_ROOTS = frozenset({"benchmarks", "domain", "features", "models", "config"})
"""Own rooms that know nothing of orders: they need not be imported anew."""


class Harness:
    """A plugin of pytest that takes the place of its loop over the tests.

    Parameters
    ----------
    root
        Root of the repository.
    mutants
        Faults to try.
    folders, options
        Of pytest: where the tests are, and which of them to run how.
    jobs
        Processes at a time (> 0).
    on_survivor
        Told of each mutant that no test noticed, as soon as it is known.
    """

    def __init__(
        self,
        root: Path,
        mutants: Sequence[Mutant],
        folders: Sequence[str],
        options: Sequence[str],
        jobs: int,
        on_survivor: Callable[[Mutant], None],
    ) -> None:
        self.survivors: list[Mutant] = []
        self.broken = ""
        """A test that fails without any fault; empty if none does."""
        self._root = root
        self._mutants = mutants
        self._folders = folders
        self._options = options
        self._jobs = jobs
        self._on_survivor = on_survivor
        self._files = {str(root / mutant.path): mutant.module for mutant in mutants}
        self._failed = False
        self._callers: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._taken_s: list[float] = []
        self._kills: Counter[tuple[str, str, str]] = Counter()
        """How often a test, or a file of tests, noticed a fault in a function of a module."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test failed."""
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests once as they are, then those that concern it against each mutant."""
        for index, item in enumerate(session.items):
            self._observe(index, item)
            if self._failed:
                self.broken = item.nodeid
                return True
        running: dict[int, _Running] = {}
        for mutant in self._mutants:
            if len(running) == self._jobs:
                self._reap(running)
            sys.stdout.flush()
            told, telling = os.pipe()
            pid = os.fork()
            if not pid:
                os.close(told)
                self._be(mutant, session.items, telling)
            os.close(telling)
            running[pid] = _Running(mutant, told)
        while running:
            self._reap(running)
        self.survivors.sort(key=lambda mutant: (mutant.path, mutant.line, mutant.change))
        return True

    def _observe(self, index: int, item: pytest.Item) -> None:
        """Run a test and note which functions of the files it calls."""
        called: set[tuple[str, str]] = set()

        def note(frame: FrameType, event: str, _: object) -> None:
            module = self._files.get(frame.f_code.co_filename)
            if event == "call" and module is not None:
                name, _, _ = frame.f_code.co_qualname.partition(".<locals>")
                called.add((module, name))

        started = time.perf_counter()
        sys.setprofile(note)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        finally:
            sys.setprofile(None)
        self._taken_s.append(time.perf_counter() - started)
        for name in called:
            self._callers[name].append(index)

    def _reap(self, running: dict[int, "_Running"]) -> None:
        """Wait for one mutant's end; remember which test noticed it."""
        pid, status = os.wait()
        mutant, told = running.pop(pid)
        with os.fdopen(told) as word:
            noticed_by = word.read()
        if noticed_by:
            self._kills[mutant.module, mutant.function, noticed_by] += 1
        if os.waitstatus_to_exitcode(status) == SURVIVED:
            self.survivors.append(mutant)
            self._on_survivor(mutant)

    def _be(self, mutant: Mutant, items: Sequence[pytest.Item], telling: int) -> None:
        """Become the mutant, run the tests, and end with what they say."""
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(null, stream)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        outcome = KILLED
        try:
            code = _body(mutant)
            if code is None or not self._callers[mutant.module, mutant.function]:
                outcome = self._imported(mutant, telling)
            else:
                _function(sys.modules[mutant.module], mutant.function).__code__ = code
                outcome = self._called(mutant, items, telling)
        finally:
            os._exit(outcome)

    def _called(self, mutant: Mutant, items: Sequence[pytest.Item], telling: int) -> int:
        """Run the tests that call the function: first those that noticed other faults in it."""
        place = mutant.module, mutant.function

        def turn(index: int) -> tuple[int, float]:
            return -self._kills[*place, items[index].nodeid], self._taken_s[index]

        for index in sorted(self._callers[place], key=turn):
            item = items[index]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if self._failed:
                os.write(telling, item.nodeid.encode())
                return KILLED
        return SURVIVED

    def _imported(self, mutant: Mutant, telling: int) -> int:
        """Import all anew and run it: first the file that noticed most other faults in this one."""
        kept = _KEPT_ROOTS | {"conftest"}
        for name, module in list(sys.modules.items()):
            own = str(getattr(module, "__file__", None)).startswith(str(self._root))
            if own and name.partition(".")[0] not in kept and "/.venv/" not in str(module):
                del sys.modules[name]
        sys.meta_path.insert(0, _Finder(self._root, mutant))
        place = mutant.module, mutant.function
        files = {name: n for (*where, name), n in self._kills.items() if tuple(where) == place}
        likely = max(files, key=files.__getitem__, default="")
        for wanted in ([likely] if likely else [], self._folders):
            first = _First()
            if wanted and pytest.main(["-x", *wanted, *self._options], plugins=[first]):
                os.write(telling, first.file.encode())
                return KILLED
        return SURVIVED


class _First:
    """Notes the file of the first test that fails."""

    file = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a report."""
        if report.failed and not self.file:
            self.file = report.nodeid.partition("::")[0]


class _Running(NamedTuple):
    mutant: Mutant
    told: int
    """File descriptor on which it names the test that noticed it."""


class _Finder(importlib.abc.MetaPathFinder):
    """Gives the mutated file in place of the one on the disk."""

    def __init__(self, root: Path, mutant: Mutant) -> None:
        self._path = str(root / mutant.path)
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the mutant is loaded from; None for every other module."""
        del path, target
        if fullname != self._mutant.module:
            return None
        loader = _Loader(fullname, self._path)
        loader.mutant = self._mutant
        return importlib.machinery.ModuleSpec(fullname, loader, origin=self._path)


class _Loader(SourceFileLoader):
    mutant: Mutant

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return compile(self.mutant.source, self.path, "exec")


def _body(mutant: Mutant) -> CodeType | None:
    """Return the code of the function with the fault in it; None if it is not in a function."""
    if not mutant.function:
        return None
    module = compile(mutant.source, str(Path(mutant.path).absolute()), "exec")
    return next(code for code in _codes(module) if code.co_qualname == mutant.function)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _function(module: ModuleType, name: str) -> FunctionType:
    """Return the function of a qualified name; of a property, what it calls."""
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    found = getattr(found, "fget", found)
    if not isinstance(found, FunctionType):
        msg = f"{name} of {module.__name__} is no function"
        raise TypeError(msg)
    return found
