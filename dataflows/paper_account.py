"""An account at the paper venue: its journal, venue and gateway, put together."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from brokers.gateway import Gateway
from brokers.paper_venue.playing import PaperMarket
from brokers.paper_venue.venue import open_paper_venue
from config.accounts import LEDGER_FILE, account_of
from config.settings import Settings
from dataflows.account_config import check_capabilities, execution_config, paper_config
from domain.control import ControlEvent
from domain.errors import BadUse, Reject
from domain.nanos import MS_NS
from sources.control_folder import CONTROL_FOLDER, ControlFolder
from trading.counterparty import Counterparty
from trading.desk.ports import Out
from trading.desk.writer import Writer
from trading.engine import ExecutionLogic
from trading.journal.journal import Journal
from trading.orders.effects import Alert
from trading.risk.control import control_event

PAPER_FILE = "paper-venue.sqlite"

_LOOK_NS = 20 * MS_NS
"""Distance of two looks for what people ask: a fifth of the 100 ms that a kill may take."""


class PaperAccount:
    """What outlives a snapshot of an account on paper: its journal, and its venue.

    Parameters
    ----------
    settings, symbols
        Of the run.
    folder
        Where both are kept; None: in memory, gone when it is closed.
    holder
        Name of the run: as the writer of the journal.
    wall_ns
        Clock of the writer's lease.
    alert, say
        Told of what a person should know.

    Raises
    ------
    Corrupt
        If journal or venue cannot be trusted.
    LeaseHeld
        If another process writes the journal.
    """

    def __init__(
        self,
        settings: Settings,
        symbols: tuple[str, ...],
        folder: Path | None,
        holder: str,
        wall_ns: Callable[[], int],
        alert: Callable[[Alert, int], None],
        say: Callable[[str], None],
    ) -> None:
        if folder is not None and settings.execution.ledger_dsn.get_secret_value():
            # Runs on paper would share the journal of one account, and take each other's past.
            msg = "execution.ledger_dsn is for accounts at a broker: a run on paper keeps its own"
            raise BadUse(msg)
        dsn = "sqlite://" if folder is None else f"sqlite:///{folder / LEDGER_FILE}"
        self.journal = Journal.open(dsn, account_of(settings))
        self.writer = Writer(self.journal, wall_ns, settings.execution.lease_ms * MS_NS, holder)
        path = None if folder is None else folder / PAPER_FILE
        self.venue = open_paper_venue(paper_config(settings), path, waits=True)
        self._market = PaperMarket(self.venue)
        self.gateway = Gateway(
            self.venue, self.writer.check, self._now_ns, inline=True, answer=self.venue.answer
        )
        self._counterparty = Counterparty(
            self.gateway,
            self._market,
            alert,
            capabilities=self.venue.capabilities,
            instruments=self.venue.instruments(),
        )
        self.config = execution_config(settings, symbols, self.venue.instruments())
        check_capabilities(self.config, self.venue.capabilities)
        self._wall_ns = wall_ns
        self._say = say
        self._looked_ns = 0
        self._logic: ExecutionLogic | None = None
        self._asked: list[ControlEvent] = []
        self._requests = None
        if folder is not None:
            self._requests = ControlFolder(folder / CONTROL_FOLDER, self.config.account)
        self.writer.acquire()
        self.gateway.start(self._market.hear)

    @property
    def ready(self) -> bool:
        """True: the venue is in this process, book and venue always agree."""
        return True

    @property
    def opens(self) -> bool:
        """True, as for `ready`."""
        return self.ready

    @property
    def max_signal_age_ns(self) -> int | None:
        """None: a replay asks no clock."""
        return None

    def build(self, state: Mapping[str, Any] | None) -> ExecutionLogic:
        """Return the account, anew or as a snapshot left it."""
        self._logic = ExecutionLogic(self.config, state, self.journal, self._counterparty)
        if self._requests is not None:
            self._requests.write_state(self._logic.controls())
        return self._logic

    def wanted(self) -> bool:
        """Say whether a person wants something, though there may be no record."""
        now_ns = self._wall_ns()
        if self._requests is None or now_ns - self._looked_ns < _LOOK_NS:
            return False
        self._looked_ns = now_ns
        self._asked += self._requests.new()
        return bool(self._asked)

    def busy(self) -> bool:
        """Say whether the flow must not end yet: on paper nothing happens after the last record."""
        return False

    def attend(self, *, records: bool, heard_ns: Mapping[str, int]) -> list[Out]:
        """Put in force what people have asked for; return what happened."""
        del records, heard_ns
        self.writer.keep()
        logic, requests = self._logic, self._requests
        if logic is None or requests is None or not self._asked:
            return []
        asked, self._asked = self._asked, []
        for event in asked:
            refused = ""
            try:
                logic.control(self._on_log_time(event))
            except Reject as error:
                refused = str(error)
            # Whoever reads the answer finds the states that came of it.
            requests.write_state(logic.controls())
            requests.done(event, refused)
        for words in requests.complaints():
            self._say(words)
        return logic.desk.take()

    def close(self) -> None:
        """Give the lease back and close both files."""
        self.gateway.stop()
        self.venue.close()
        self.writer.release()
        self.journal.close()

    def _on_log_time(self, event: ControlEvent) -> ControlEvent:
        """Return a request as made at the time of the log: people ask by the wall clock."""
        return control_event(
            event.kind,
            event.to,
            account=event.account,
            by=event.by,
            reason=event.reason,
            ts_event_ns=self._now_ns(),
            strategy=event.strategy,
            role=event.role,
        )

    def _now_ns(self) -> int:
        """Return the time of the log, on which the venue lives; before the log none has come."""
        return 0 if self._logic is None else self._logic.now_ns
