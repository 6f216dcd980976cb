"""``peer-bars``: an EMA of every tick and 1 s bars of each pair, on the same ticks.

Ours beside csp, plain Bytewax (``fold_window``) and Pathway, all from memory; and ours from Kafka
beside Quix Streams from Kafka. Every outcome is held against a NumPy reference before it counts.
What each engine is given, and what is in the measured time, stands in ``peers/README.md``.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import ticks_file
from benchmarks.live import real_broker, scratch
from benchmarks.peers import reference, tape
from benchmarks.result import Bar, Measured, median
from domain.errors import BadUse

PEERS = Path(".venv-peers/bin/python")
ROWS = 500_000
ROWS_SLOW = 100_000
ROUNDS = 2
BAR_CSP, BAR_OTHERS = 2.0, 20.0
_TIMEOUT_S = 300.0
IN_MEMORY = ("csp", "bytewax", "pathway")


def measure() -> Measured:
    """Return how many times as fast as csp ours is."""
    require_peers()
    rates: dict[str, list[float]] = {}
    with scratch() as folder:
        whole, part = Path(folder) / "whole.npz", Path(folder) / "part.npz"
        ticks_file.make(whole, rows=ROWS)
        ticks_file.make(part, rows=ROWS_SLOW)
        for counted in range(ROUNDS + 1):
            found = {"ours": _rate(sys.executable, "benchmarks.ours_bars", whole)}
            for peer in IN_MEMORY:
                found[peer] = _rate(str(PEERS), f"benchmarks.peers.bars_{peer}", whole)
            # A broker of its own for each: neither finds the other's topics and groups.
            with real_broker() as bootstrap:
                found["ours from Kafka"] = _rate(
                    sys.executable, "benchmarks.ours_bars", part, "--bootstrap", bootstrap
                )
            with real_broker() as bootstrap:
                found["quix"] = _rate(
                    str(PEERS), "benchmarks.peers.bars_quix", part, "--bootstrap", bootstrap
                )
            print(f"  round {counted}: {found}", flush=True)
            if counted:
                for name, rate in found.items():
                    rates.setdefault(name, []).append(rate)
    times = {peer: median(rates["ours"]) / median(rates[peer]) for peer in IN_MEMORY}
    times["quix"] = median(rates["ours from Kafka"]) / median(rates["quix"])
    others = [times[peer] for peer in ("bytewax", "pathway", "quix")]
    return Measured(
        value=times["csp"],
        unit="x csp",
        bar=Bar(BAR_CSP, f"at least {BAR_CSP:g} x csp, {BAR_OTHERS:g} x each of the others"),
        met=times["csp"] >= BAR_CSP and min(others) >= BAR_OTHERS,
        compared={
            **{f"{name}, ticks/s": median(found) for name, found in rates.items()},
            **{f"ours over {peer}": ratio for peer, ratio in times.items()},
        },
        runs=[o / c for o, c in zip(rates["ours"], rates["csp"], strict=True)],
    )


def require_peers() -> None:
    """Refuse to go on without the peers' environment."""
    if not PEERS.exists():
        msg = "the peers are not installed: make bench-peers"
        raise BadUse(msg)


def run_script(python: str, module: str, *arguments: str) -> dict[str, object]:
    """Run a script and return its outcome: the last line that it prints."""
    done = subprocess.run(
        [python, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    if done.returncode:
        msg = f"{module} failed: {done.stderr.strip().splitlines()[-1:]}"
        raise RuntimeError(msg)
    outcome: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return outcome


def _rate(python: str, module: str, ticks: Path, *options: str) -> float:
    outcome = run_script(python, module, str(ticks), *options)
    wrong = reference.differences(tape.load(ticks), outcome)
    if wrong:
        msg = f"{module}: {'; '.join(wrong)}"
        raise RuntimeError(msg)
    return float(str(outcome["ticks"])) / float(str(outcome["seconds"]))
