"""Every way to kill, through a whole live run with 200 open orders at the broker.

Nothing leaves any more, all that rests is canceled, a restart changes nothing, and it takes two
people to go on.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.control import TOKEN_HEADER
from domain.control import TradingState
from testkit.venues.following import MarketFollower
from testkit.venues.oanda.server import ACCOUNT, TOKEN, OandaServer
from tests.proofs.conftest import Aifx
from tests.proofs.kill_run import (
    RESTING_PAIR,
    TRADED_PAIR,
    Beating,
    LiveRun,
    asked_s,
    environment_of,
    kill_in,
)

pytestmark = [pytest.mark.kafka, pytest.mark.real_data, pytest.mark.slow]

SLOW = os.environ.get("AIFX_SLOW") == "1"
ORDERS = 200
SHUT_S, HANDED_S, BROKER_S = (0.1, 1.0, 6.0) if SLOW else (1.0, 5.0, 30.0)
"""Until no order reaches the broker, all cancels are handed to the adapter, and all are at the
broker, whose limit stretches them over 2.5 s. The quick lane has other tests beside it."""

DAY = ("--symbols", "EURUSD,NZDUSD", "--from", "2014-05-06T08:00", "--to", "2014-05-09T08:00")
SPEED = "600"
BEAT_MS = 500


@dataclass
class Scene:
    """A run that trades, and those who may kill it.

    Attributes
    ----------
    port
        Of the run's page.
    operator
        Whose silence is a kill.
    """

    run: LiveRun
    aifx: Aifx
    port: int
    operator: Beating


Way = Callable[[Scene], None]


def by_file(scene: Scene) -> None:
    """Touch a file."""
    (scene.run.folder / "control" / "KILL").touch()


def by_command(scene: Scene) -> None:
    """Type it."""
    words = ("--by", "Ada", "--reason", "fire", "--account", ACCOUNT)
    ended = scene.aifx("control", "kill", *words, data=scene.run.data)
    assert ended.code == 0, ended.output


def by_page(scene: Scene) -> None:
    """Press the button: fetch the token as the page does, and post."""
    url = f"http://127.0.0.1:{scene.port}"
    with httpx.Client(base_url=url, headers={"Origin": url}) as client:
        token = client.post("/api/v1/control/token").json()["token"]
        answer = client.post(
            "/api/v1/control/kill",
            json={"by": "Ada", "reason": "fire"},
            headers={TOKEN_HEADER: token},
        )
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcome"] in {"acted", "in_force"}


def by_silence(scene: Scene) -> None:
    """Leave the desk."""
    scene.operator.stop()


WAYS: tuple[Way, ...] = (by_file, by_command, by_page, by_silence)


@pytest.fixture
def oanda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OandaServer]:
    """Start a broker at which many orders rest, and settings that lead to it."""
    with OandaServer(heartbeat_s=1.0, window_s=0.05) as server:
        token = tmp_path / "token"
        token.write_text(TOKEN)
        for name, value in environment_of(server, token).items():
            monkeypatch.setenv(name, value)
        server.quote(RESTING_PAIR, "0.87000", "0.87020")
        server.quote(TRADED_PAIR, "1.38800", "1.38810")
        yield server


@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", WAYS if SLOW else WAYS[:1])
def test_a_live_run_is_killed_for_good(
    way: Way,
    aifx: Aifx,
    oanda: OandaServer,
    kafka_bootstrap: str,
    real_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it trades; the next life refuses from its first signal on; two people let it go on."""
    if way is by_silence:
        monkeypatch.setenv("AIFX__EXECUTION__OPERATOR_HEARTBEAT_MS", str(BEAT_MS))
    port = _free_port()
    ticks = ("--ticks", str(real_data / "ticks"), *DAY, "--speed", SPEED)
    arguments = (*ticks, "--kafka", kafka_bootstrap, "--port", str(port))
    run = LiveRun(tmp_path / "data", arguments, oanda)
    run.rest(ORDERS)
    run.arrivals.watch(oanda)
    operator = Beating(run.controls(), BEAT_MS / 5_000)
    operator.start()
    scene = Scene(run, aifx, port, operator)
    with MarketFollower(kafka_bootstrap, oanda.quote):
        with run.going_on() as process:
            run.until(process, lambda: len(run.arrivals.submits) >= 3, "it trades")
            assert run.resting() >= ORDERS
            _kill(scene, way)
            run.until(process, lambda: run.state() is TradingState.HALTED, "journaled")
            before = run.refused()
            run.until(process, lambda: run.refused() > before, "signals that are refused")
            left = len(run.arrivals.submits)
        with run.going_on() as process:
            before = run.refused()
            run.until(process, lambda: run.refused() > before, "refused after the restart")
            assert run.state() is TradingState.HALTED
            assert _release(aifx, run, "A. Grey", "trader").endswith("releases it too")
            before = run.refused()
            run.until(process, lambda: run.refused() > before, "refused after one word")
            assert len(run.arrivals.submits) == left
            assert _release(aifx, run, "B. White", "risk").endswith("in force")
            run.until(process, lambda: len(run.arrivals.submits) > left, "it trades again")
    operator.stop()


def _kill(scene: Scene, way: Way) -> None:
    """Kill, and hold the run against the bounds."""
    run = scene.run
    answers = run.folder / "control"
    touched_ns = time.time_ns()  # noqa: TID251 - the edge: requests carry its time
    way(scene)
    _until_answered(run, answers)
    answer = kill_in(answers / "acted") or kill_in(answers / "done")
    assert answer is not None
    # A bare file has no time but that of its making.
    since_s = asked_s(touched_ns if way is by_file else answer["event"]["ts_event_ns"])
    acted = [path.stat().st_mtime_ns for path in answers.glob("*/*.json") if path.is_file()]
    handed_s = asked_s(min(acted)) - since_s
    assert handed_s <= HANDED_S
    deadline_s = time.monotonic() + BROKER_S
    while run.resting():
        assert time.monotonic() < deadline_s, f"{run.resting()} orders still rest"
        time.sleep(0.01)
    assert len(run.arrivals.cancels) >= ORDERS
    assert max(run.arrivals.cancels) - since_s <= BROKER_S
    assert max(run.arrivals.submits) - since_s <= SHUT_S
    assert scene.run.oanda.gate.busiest <= 120
    print(
        f"{way.__name__}: last order {max(run.arrivals.submits) - since_s:.3f} s, "
        f"cancels handed over {handed_s:.3f} s, at the broker "
        f"{max(run.arrivals.cancels) - since_s:.3f} s after the asking"
    )


def _until_answered(run: LiveRun, answers: Path) -> None:
    deadline_s = time.monotonic() + 30.0
    while kill_in(answers / "acted") is None and kill_in(answers / "done") is None:
        assert time.monotonic() < deadline_s, f"the kill has no answer; {run.log()[-2_000:]}"
        time.sleep(0.002)


def _release(aifx: Aifx, run: LiveRun, by: str, role: str) -> str:
    """Say that the kill may end; return what the command says."""
    words = ("--by", by, "--role", role, "--reason", "checked", "--account", ACCOUNT)
    ended = aifx("control", "release", *words, data=run.data)
    assert ended.code == 0, ended.output
    return ended.output.strip()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
