"""Which account the settings name, and where what is kept of it lies in the data folder."""

from pathlib import Path

from config.settings import Settings

LEDGER_FILE = "ledger.sqlite"
"""Name of the ledger in the folder of an account, or of a run on paper."""


def account_of(settings: Settings) -> str:
    """Return the name of the account: the broker's own, where there is one."""
    return settings.broker.account_id or settings.execution.account


def accounts_folder(data_dir: Path) -> Path:
    """Return the folder of all accounts at brokers, each in one named ``KIND-ACCOUNT``."""
    return data_dir / "accounts"


def account_folder(data_dir: Path, settings: Settings) -> Path:
    """Return the folder of an account at a broker: it outlives every run."""
    return accounts_folder(data_dir) / f"{settings.broker.kind}-{account_of(settings)}"


def account_in(folder: Path) -> str:
    """Return the name of the account whose folder this is."""
    return folder.name.partition("-")[2]


def ledger_dsn(settings: Settings, folder: Path) -> str:
    """Return the DSN of the ledger of an account that lies in a folder, unless it is elsewhere."""
    return settings.execution.ledger_dsn.get_secret_value() or f"sqlite:///{folder / LEDGER_FILE}"
