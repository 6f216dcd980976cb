"""A real browser, driven over a pipe, so that a page is tested as a person gets it."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)

_LAUNCHER = """
import os, sys
fds = [os.dup(os.dup(os.dup(int(fd)))) for fd in sys.argv[1:3]]
os.dup2(fds[0], 3)
os.dup2(fds[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium wants its pipe on descriptors 3 and 4; what comes as 3 or 4 is moved away first."""


class Browser:
    """Chromium under its debugging protocol; messages end with a zero byte.

    Parameters
    ----------
    command
        Path of the browser.
    home
        Folder for its profile.
    """

    def __init__(self, command: str, home: Path) -> None:
        self.problems: list[str] = []
        read_child, self._write = os.pipe()
        self._read, write_child = os.pipe()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", _LAUNCHER, str(read_child), str(write_child)),
                *(command, *_FLAGS, f"--user-data-dir={home}", "about:blank"),
            ],
            pass_fds=(read_child, write_child),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_child)
        os.close(write_child)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None

    def attach(self) -> None:
        """Take hold of the one page and listen to what it says."""
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call a method and return its result; what the page complains of meanwhile is kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _receive(self) -> dict[str, Any]:
        deadline_s = time.monotonic() + 30
        while b"\0" not in self._buffer:
            left_s = deadline_s - time.monotonic()
            ready, _, _ = select.select([self._read], [], [], max(0.0, left_s))
            chunk = os.read(self._read, 1 << 20) if ready else b""
            assert chunk, "the browser does not answer"
            self._buffer += chunk
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                self.problems.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                self.problems.append(json.dumps(params["entry"]))

    def open(self, url: str, width: int = 1440, height: int = 1000, scheme: str = "dark") -> None:
        """Open a page at a size in CSS pixels, in the dark or the light scheme."""
        self.problems.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 700,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def read(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str, timeout_s: float = 15.0) -> Any:
        """Return the value of an expression as soon as it is true."""
        deadline_s = time.monotonic() + timeout_s
        while not (value := self.read(expression)):
            seen = self.read("document.body ? document.body.innerText.slice(0, 1500) : ''")
            assert time.monotonic() < deadline_s, f"never true: {expression}\n{seen}"
            time.sleep(0.05)
        return value

    def picture(self, path: Path) -> None:
        """Save what is seen as PNG."""
        path.write_bytes(b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        """End the browser and all it started."""
        os.close(self._write)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, or a skip where none is installed."""
    command = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if command is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    started = Browser(command, tmp_path_factory.mktemp("chromium"))
    try:
        started.attach()
        yield started
    finally:
        started.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so, five seconds at most."""

    def wait(so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 5
        while not so():
            assert time.monotonic() < deadline_s, "it never came to be"
            time.sleep(0.02)

    return wait
