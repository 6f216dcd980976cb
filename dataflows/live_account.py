"""An account at a real venue: journal, gateway, kill switch and care, put together.

One way leads into trading, after a clean end and after a crash: take the lease, fold the journal,
log on, take the venue's whole record, reconcile. Until book and venue agree nothing leaves.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Timer
from time import monotonic_ns, sleep
from typing import Any

import numpy as np

from brokers.backoff import Backoff
from brokers.gateway import Gateway
from brokers.kill_switch import KillSwitch
from brokers.unsent import UnsentOrders
from config.accounts import account_folder, account_of, ledger_dsn
from config.settings import Settings
from dataflows.account_config import check_capabilities, execution_config
from dataflows.adjusting import Adjusting
from dataflows.venues import open_venue
from domain.errors import BadUse, Retry
from domain.ids import digest
from domain.nanos import MS_NS, SECOND_NS
from sources.adjustment_folder import ADJUSTMENTS_FOLDER, AdjustmentFolder
from sources.control_folder import CONTROL_FOLDER, ControlFolder
from trading.counterparty import Counterparty
from trading.desk.care import Care
from trading.desk.ports import Out
from trading.desk.stated import Stated
from trading.desk.writer import Writer
from trading.engine import ExecutionLogic
from trading.journal.errors import LeaseHeld
from trading.journal.journal import Journal
from trading.orders.effects import Alert
from trading.readiness import Readiness, ended
from trading.risk.heartbeats import Heartbeats, Watched
from trading.timeliness import LogWatch, SignalAges
from trading.venues import Unanswered, Venue, VenueSnapshot

LOG, OPERATOR = "log", "operator"
"""Senders of heartbeats: the records of the log, and a person or their watch."""

_CARE_NS = 100 * MS_NS
"""Distance of two looks at doubts, links and requests while the log is silent."""

_RECORD_TIMEOUT_S = 4.0
"""Longest wait for the venue's whole record at the start; then it is asked for again and again."""

_SHOW_NS = SECOND_NS
"""How often the readiness is written down although it is the same: whoever reads it sees by its age
whether anybody is at work."""

_RESEND_FIRST_S, _RESEND_LONGEST_S = 0.1, 1.0
"""Pauses before an order that never left is tried again; no shorter than a look takes."""

_LOGON_HINT_S = 3.0
"""After so long a person is told that the logon still waits."""


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
        account = account_of(settings)
        execution = settings.execution
        self._ages = SignalAges(execution.max_signal_age_ms * MS_NS)
        self._log = LogWatch(execution.degraded_after_ms * MS_NS, wall_ns())
        jitter = np.random.default_rng(int(digest("resend", account), 16))
        backoff = Backoff(_RESEND_FIRST_S, _RESEND_LONGEST_S, jitter)
        unsent = UnsentOrders(self._ages.last_moment_ns, backoff)
        self.gateway = Gateway(venue, self._may_send, wall_ns, unsent=unsent)
        self._settings = settings
        self._symbols = symbols
        self._wall_ns = wall_ns
        self._say = say
        self._requests = ControlFolder(folder / CONTROL_FOLDER, account)
        self.switch = KillSwitch(self._requests, self.gateway, self._watch(account), wall_ns, say)
        adjustments = AdjustmentFolder(folder / ADJUSTMENTS_FOLDER, account)
        self._adjusting = Adjusting(adjustments, say)
        self._stated: Stated | None = None
        self._logic: ExecutionLogic | None = None
        self._care: Care | None = None
        self._cared_ns = self._shown_ns = 0
        self._shown: Readiness | None = None

    def log_on(self) -> None:
        """Begin to listen for kills, then log on at the venue."""
        self.switch.start()
        self._log_on_at_venue()
        instruments = self.gateway.venue.instruments()
        missing = [symbol for symbol in self._symbols if symbol not in instruments]
        if missing:
            msg = f"{self.gateway.venue.name} does not trade {', '.join(missing)} in this account"
            raise BadUse(msg)
        self.config = execution_config(self._settings, self._symbols, instruments)
        check_capabilities(self.config, self.gateway.venue.capabilities)

    def build(self, state: Mapping[str, Any] | None) -> ExecutionLogic:
        """Return the account as journal and venue have it; it may not be ready yet."""
        # Whether a pair is tradeable now the venue says with its answer: what it said at the logon
        # may be of a weekend.
        venue = self.gateway.venue
        counterparty = Counterparty(
            self.gateway,
            None,
            lambda alert, _: self._alert(alert),
            capabilities=venue.capabilities,
            instruments=venue.instruments(),
        )
        logic = ExecutionLogic(self.config, state, self.journal, counterparty)
        stated = Stated(logic.desk, self.journal, self.gateway.venue.name)
        now_ns = self._wall_ns()
        care = Care(
            logic.desk,
            self.gateway,
            self.gateway.venue.name,
            logic.controls,
            self._say,
            logic.last_sequence,
            lambda snapshot, agrees: self._begin(logic, stated, snapshot, agrees=agrees),
            now_ns,
            compares_prices=self.config.position_mode == "netting",
        )
        logic.desk.believe = care.believe
        for doubt in logic.desk.book.lost_answers(now_ns, "the process began anew"):
            logic.desk.on_event(doubt)
        try:
            snapshot = self.gateway.venue.snapshot(logic.last_sequence, _RECORD_TIMEOUT_S)
            care.settle(snapshot, now_ns)
        except Retry as error:
            why = f"its record cannot be had now: {error}"
            care.unanswered(Unanswered("", "later", why, now_ns), now_ns)
        logic.desk.commit()
        self._logic, self._care, self._stated = logic, care, stated
        if self._settings.execution.log_heartbeat_ms:
            # The first records come only now.
            self.switch.beat(LOG)
        care.speak()
        self._show(care.readiness, now_ns)
        return logic

    @property
    def ready(self) -> bool:
        """Whether orders may leave: book and venue agree, and the order link is up."""
        return self._care is not None and self._care.ready

    @property
    def opens(self) -> bool:
        """Whether orders may leave that open or enlarge a position."""
        return self._care is not None and self._care.opens

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

    def attend(self, *, records: bool, heard_ns: Mapping[str, int]) -> list[Out]:
        """Hear the venue and those who control the account; return what happened.

        Parameters
        ----------
        records
            Whether records of the log have come: its heartbeat.
        heard_ns
            When signals that have come entered the log, by their ids.
        """
        logic, care, stated = self._logic, self._care, self._stated
        if logic is None or care is None or stated is None:
            return []
        self._cared_ns = now_ns = self._wall_ns()
        self.writer.keep()
        if records and self._settings.execution.log_heartbeat_ms:
            self.switch.beat(LOG)
        self.switch.settle(logic.control, logic.controls)
        self._adjusting.settle(lambda asked: stated.adjust(asked, care.compared, now_ns), now_ns)
        self._ages.note(heard_ns, now_ns)
        care.silent_ns = self._log.silence_ns(now_ns, logic.now_ns, records=records)
        logic.charge(care.on_clock(now_ns))
        self._show(care.readiness, now_ns)
        return logic.listen(ready=care.ready, opens=care.opens)

    def close(self) -> None:
        """Log off, give the lease back, and close the journal."""
        try:
            self.switch.stop()
            self.gateway.stop()
            self.writer.release()
        finally:
            self.journal.close()
            now_ns = self._wall_ns()
            self._show(ended(now_ns, "the run has ended, or is being started"), now_ns)

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

    def _begin(
        self, logic: ExecutionLogic, stated: Stated, snapshot: VenueSnapshot, *, agrees: bool
    ) -> None:
        """Take over what a whole record of the venue says of the account's money."""
        if snapshot.currency and snapshot.currency != self.config.account_currency:
            msg = (
                f"account {snapshot.account} is kept in {snapshot.currency}: set "
                f"execution.account_currency to it"
            )
            raise BadUse(msg)
        if snapshot.balance is not None:
            logic.rebase(snapshot.balance)
        if agrees:
            stated.open(snapshot)

    def _show(self, readiness: Readiness, now_ns: int) -> None:
        """Write down where the account stands, for whoever asks."""
        if readiness == self._shown and now_ns - self._shown_ns < _SHOW_NS:
            return
        self._shown, self._shown_ns = readiness, now_ns
        try:
            self._requests.write_readiness(readiness, now_ns)
        except OSError as error:
            # Whoever reads it sees that it is old; trading does not depend on it.
            self._say(f"the readiness of the account cannot be written down: {error}")

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
    journal = Journal.open(ledger_dsn(settings, folder), account_of(settings))
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
