"""Settings of a session: bounds, secrets, and an engine that is not there."""

import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from brokers.fix.config import FixConfig
from brokers.secret_file import SecretFile
from domain.errors import BadUse
from tests.brokers.fix.rigs import EURUSD, PASSWORD


def config(folder: Path, **changes: object) -> FixConfig:
    """Make settings of a session with a counterparty that does not exist."""
    settings: dict[str, object] = {
        "host": "127.0.0.1",
        "port": 9_876,
        "sender": "AIFX",
        "target": "LP",
        "account": "ACC-1",
        "currency": "USD",
        "instruments": {"EURUSD": EURUSD},
        "store": folder,
        "password": SecretStr(PASSWORD),
        **changes,
    }
    return FixConfig(**settings)  # type: ignore[arg-type]  # a table of settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""},
        {"sender": "A\x01B"},
        {"account": "Köln"},
        {"port": 0},
        {"port": 70_000},
        {"heartbeat_s": 0},
        {"reconnect_s": -1},
        {"answer_timeout_s": 0.0},
        {"sender_sub": "A\x01B"},
        {"target_sub": "Köln"},
        {"order_types": frozenset({"stop", "limit"})},
    ],
)
def test_setting_out_of_bounds_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    """The message names the setting."""
    with pytest.raises(BadUse, match=next(iter(wrong))):
        config(tmp_path, **wrong)


def test_password_is_in_no_repr(tmp_path: Path) -> None:
    """Whoever prints the settings prints stars."""
    assert PASSWORD not in repr(config(tmp_path))
    assert PASSWORD not in str(config(tmp_path))


def test_password_comes_from_its_file(tmp_path: Path) -> None:
    """The file stands for the setting, without the line end that editors leave, as it is now."""
    path = tmp_path / "password"
    path.write_text("first\n")
    found = config(tmp_path, password_file=SecretFile(path, "the FIX password"))
    assert found.secret() == SecretStr("first")
    assert "first" not in repr(found)
    path.write_text("second-one\n")
    assert found.secret() == SecretStr("second-one")
    path.unlink()
    with pytest.raises(BadUse, match=r"the FIX password in .* cannot be read: FileNotFoundError"):
        found.open()


def test_missing_engine_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BadUse with what to install."""
    for name in ("engine", "link", "venue"):
        monkeypatch.delitem(sys.modules, f"brokers.fix.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "quickfix", None)

    with pytest.raises(BadUse, match=r"pip install 'aifx\[fix\]'"):
        config(tmp_path).open()
