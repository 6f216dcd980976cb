"""An account at a real venue: journal, gateway, kill switch and care, put together.

One way leads into trading, after a clean end and after a crash: take the lease, fold the journal,
log on, take the venue's whole record, reconcile. Until book and venue agree nothing leaves.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Timer
from time import monotonic_ns, sleep
from typing import Any

from brokers.gateway import Gateway
from brokers.kill_switch import KillSwitch
from config.settings import Settings
from dataflows.account_config import account_of, execution_config
from dataflows.venues import open_venue
from domain.errors import BadUse, Retry
from domain.nanos import MS_NS
from sources.control_folder import CONTROL_FOLDER, ControlFolder
from trading.counterparty import Counterparty
from trading.desk.care import Care
from trading.desk.ports import Out
from trading.desk.writer import Writer
from trading.engine import ExecutionLogic
from trading.journal.errors import LeaseHeld
from trading.journal.journal import Journal
from trading.orders.effects import Alert
from trading.risk.heartbeats import Heartbeats, Watched
from trading.venues import Venue, VenueSnapshot

LEDGER_FILE = "ledger.sqlite"
LOG, OPERATOR = "log", "operator"
"""Senders of heartbeats: the records of the log, and a person or their watch."""

_CARE_NS = 100 * MS_NS
"""Distance of two looks at doubts, links and requests while the log is silent."""

_RECORD_TIMEOUT_S = 4.0
"""Longest wait for the venue's whole record at the start; then it is asked for again and again."""

_LOGON_HINT_S = 3.0
"""After so long a person is told that the logon still waits."""


def account_folder(data_dir: Path, settings: Settings) -> Path:
    """Return the folder of an account at a broker: it outlives every run."""
    return data_dir / "accounts" / f"{settings.broker.kind}-{account_of(settings)}"


class LiveAccount:
    """An account at a real venue; made by `open_live_account`."""

    def __init__(
        self,
        settings: Settings,
        symbols: tuple[str, ...],
        folder: Path,
        journal: Journal,
        writer: Writer,
        venue: Venue,
        wall_ns: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self.journal = journal
        self.writer = writer
        self.gateway = Gateway(venue, self._may_send, wall_ns)
        self._settings = settings
        self._symbols = symbols
        self._wall_ns = wall_ns
        self._say = say
        account = account_of(settings)
        requests = ControlFolder(folder / CONTROL_FOLDER, account)
        self.switch = KillSwitch(requests, self.gateway, self._watch(account), wall_ns, say)
        self._logic: ExecutionLogic | None = None
        self._care: Care | None = None
        self._cared_ns = 0

    def log_on(self) -> None:
        """Begin to listen for kills, then log on at the venue."""
        self.switch.start()
        self._log_on_at_venue()
        instruments = self.gateway.venue.instruments()
        broker = self._settings.broker
        missing = [name for name in broker.symbols or self._symbols if name not in instruments]
        if missing:
            msg = (
                f"{self.gateway.venue.name} does not trade {', '.join(missing)} in this account: "
                f"name the pairs that it is for in {broker.section}.symbols"
            )
            raise BadUse(msg)
        self.config = execution_config(self._settings, self._symbols, instruments)
        allowed = self.gateway.venue.capabilities.times_in_force.get("market", frozenset())
        if self.config.time_in_force not in allowed:
            msg = (
                f"{self.gateway.venue.name} takes market orders as {', '.join(sorted(allowed))}: "
                f"set execution.time_in_force to one of them"
            )
            raise BadUse(msg)

    def build(self, state: Mapping[str, Any] | None) -> ExecutionLogic:
        """Return the account as journal and venue have it; it may not be ready yet."""
        # Whether a pair is tradeable now the venue says with its answer: what it said at the logon
        # may be of a weekend.
        counterparty = Counterparty(self.gateway, None, lambda alert, _: self._alert(alert))
        logic = ExecutionLogic(self.config, state, self.journal, counterparty)
        care = Care(
            logic.desk,
            self.gateway,
            self.gateway.venue.name,
            logic.controls,
            self._say,
            logic.last_sequence,
            lambda snapshot: self._begin(logic, snapshot),
        )
        logic.desk.believe = care.believe
        now_ns = self._wall_ns()
        for doubt in logic.desk.book.lost_answers(now_ns, "the process began anew"):
            logic.desk.on_event(doubt)
        why = "book and venue do not agree"
        try:
            snapshot = self.gateway.venue.snapshot(logic.last_sequence, _RECORD_TIMEOUT_S)
            care.settle(snapshot, now_ns)
        except Retry as error:
            why = f"its record cannot be had now: {error}"
        logic.desk.commit()
        self._logic, self._care = logic, care
        if self._settings.execution.log_heartbeat_ms:
            # The first records come only now.
            self.switch.beat(LOG)
        words = "ready" if care.ready else f"not ready: {why}"
        self._say(f"account {self.config.account} at {self.gateway.venue.name} is {words}")
        return logic

    @property
    def logic(self) -> ExecutionLogic | None:
        """The engine; None until it is built."""
        return self._logic

    @property
    def ready(self) -> bool:
        """Whether orders may leave: book and venue agree, and the order link is up."""
        return self._care is not None and self._care.ready

    @property
    def max_signal_age_ns(self) -> int | None:
        """Longest way of a signal from its market data."""
        return self._settings.execution.max_signal_age_ms * MS_NS

    def wanted(self) -> bool:
        """Say whether the flow should run although there may be no record."""
        return self.gateway.has_reports() or self._wall_ns() - self._cared_ns >= _CARE_NS

    def busy(self) -> bool:
        """Say whether orders are still on their way."""
        return self._logic is not None and bool(self._logic.desk.book.open_states())

    def attend(self, *, records: bool) -> list[Out]:
        """Hear the venue and those who control the account; return what happened.

        Parameters
        ----------
        records
            Whether records of the log have come: its heartbeat.
        """
        logic, care = self._logic, self._care
        if logic is None or care is None:
            return []
        self._cared_ns = now_ns = self._wall_ns()
        self.writer.keep()
        if records and self._settings.execution.log_heartbeat_ms:
            self.switch.beat(LOG)
        self.switch.settle(logic.control, logic.controls)
        logic.charge(care.on_clock(now_ns))
        return logic.listen()

    def close(self) -> None:
        """Log off, give the lease back, and close the journal."""
        try:
            self.switch.stop()
            self.gateway.stop()
            self.writer.release()
        finally:
            self.journal.close()

    def _log_on_at_venue(self) -> None:
        name = self.gateway.venue.name
        words = f"{name} has not answered the logon for {_LOGON_HINT_S:.0f} s: nothing is sent"
        hint = Timer(_LOGON_HINT_S, self._say, [words])
        hint.daemon = True
        hint.start()
        try:
            self.gateway.start()
        finally:
            hint.cancel()

    def _begin(self, logic: ExecutionLogic, snapshot: VenueSnapshot) -> None:
        """Take over what the venue's first whole record says of the account's money."""
        if snapshot.currency and snapshot.currency != self.config.account_currency:
            msg = (
                f"account {snapshot.account} is kept in {snapshot.currency}: set "
                f"execution.account_currency to it"
            )
            raise BadUse(msg)
        if snapshot.balance is not None:
            logic.rebase(snapshot.balance)

    def _may_send(self) -> None:
        """Refuse to send unless this process writes the ledger, and the kill switch is watched."""
        self.writer.check()
        self.switch.check()

    def _watch(self, account: str) -> Heartbeats | None:
        execution = self._settings.execution
        watched = [
            Watched(name, interval_ms * MS_NS)
            for name, interval_ms in (
                (LOG, execution.log_heartbeat_ms),
                (OPERATOR, execution.operator_heartbeat_ms),
            )
            if interval_ms
        ]
        return Heartbeats(account, watched, self._wall_ns()) if watched else None

    def _alert(self, alert: Alert) -> None:
        self._say(f"alert: {alert.code} {alert.client_order_id}: {alert.text}")


def open_live_account(
    settings: Settings,
    symbols: tuple[str, ...],
    data_dir: Path,
    holder: str,
    wall_ns: Callable[[], int],
    say: Callable[[str], None],
) -> LiveAccount:
    """Open an account at its broker and log on.

    Parameters
    ----------
    symbols
        What it trades.
    data_dir
        The account's folder lies in it: ledger, requests of people, what the adapter keeps.
    holder
        Name of the run, as the writer of the ledger.
    wall_ns
        Clock of leases and receive times.
    say
        Told what a person should know.

    Raises
    ------
    BadUse
        If a setting, credential or account is refused.
    Corrupt
        If the ledger cannot be trusted.
    Retry
        If the broker cannot be reached, or another process writes the ledger.
    """
    folder = account_folder(data_dir, settings)
    folder.mkdir(parents=True, exist_ok=True)
    dsn = settings.execution.ledger_dsn.get_secret_value()
    journal = Journal.open(dsn or f"sqlite:///{folder / LEDGER_FILE}", account_of(settings))
    writer = Writer(journal, wall_ns, settings.execution.lease_ms * MS_NS, holder)
    _acquire(writer, settings.execution.lease_ms, say)
    account = LiveAccount(
        settings,
        symbols,
        folder,
        journal,
        writer,
        open_venue(settings, symbols, folder, wall_ns),
        wall_ns,
        say,
    )
    try:
        account.log_on()
    except BaseException:
        account.close()
        raise
    return account


def _acquire(writer: Writer, lease_ms: int, say: Callable[[str], None]) -> None:
    """Become the writer, once the lease of one that died has run out."""
    until_ns = monotonic_ns() + (lease_ms + 1_000) * MS_NS
    said = False
    while True:
        try:
            writer.acquire()
        except LeaseHeld as error:
            if monotonic_ns() > until_ns:
                raise
            if not said:
                say(f"waiting: {error}")
                said = True
            sleep(0.2)
        else:
            return
