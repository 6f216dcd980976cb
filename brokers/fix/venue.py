"""A counterparty over FIX 4.4 as a `trading.venues.Venue`."""

from collections.abc import Callable, Mapping

from brokers.fix.config import FixConfig
from brokers.fix.enquiries import Enquiries
from brokers.fix.history import History
from brokers.fix.link import Link
from brokers.fix.messages import FixMessage
from brokers.fix.questions import Questions
from brokers.fix.rejections import bar_of
from brokers.fix.reports import (
    VENUE,
    Reader,
    cancel_reject,
    is_unknown_order,
    refusal,
    restated,
    send_unknown,
)
from brokers.fix.requests import message_of, status_request
from brokers.fix.sent import Sent, SentCommands
from brokers.fix.tags import MsgType, Tag
from brokers.fix.terms import capabilities
from brokers.rounding import command_on_grid
from brokers.wire_values import count_of
from domain.errors import BadUse
from domain.ids import wire_id
from domain.nanos import SECOND_NS
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderTerms
from trading.venues import (
    Barred,
    Capabilities,
    Command,
    Emit,
    LinkEvent,
    NotSent,
    OrderReport,
    Unsupported,
    VenueEvent,
    VenueInstrument,
    VenueSnapshot,
)

_EXECUTIONS = frozenset({EventKind.FILL, EventKind.BUST, EventKind.CORRECT})
_RENAMES = frozenset({EventKind.REPLACED, EventKind.STATUS})


class FixVenue:
    """One account over one session; a `trading.venues.Venue`. Made by `FixConfig.open`.

    Positions are the counterparty's where it answers RequestForPositions, otherwise what all
    executions that this session ever reported amount to.
    """

    def __init__(self, config: FixConfig, wall_ns: Callable[[], int]) -> None:
        self._config = config
        self._wall_ns = wall_ns
        self._capabilities = capabilities(config.max_requests_per_s, config.order_types)
        self._history = History(config.store / "executions.db")
        self._sent = SentCommands()
        self._questions = Questions()
        symbols = {listed.name: symbol for symbol, listed in config.instruments.items()}
        self._reader = Reader(symbols, self._asked_terms)
        self._link: Link | None = None
        self._emit: Emit | None = None

    @property
    def name(self) -> str:
        """``fix``."""
        return VENUE

    @property
    def account(self) -> str:
        """Account (1) of every order."""
        return self._config.account

    @property
    def capabilities(self) -> Capabilities:
        """What an order over FIX 4.4 can be."""
        return self._capabilities

    def start(self, emit: Emit) -> None:
        """Log on and begin to report; see `trading.venues.Venue.start`.

        Raises
        ------
        BadUse
            If the logon is refused for who we are, or the session cannot be set up.
        Retry
            If there is no logon in time.
        """
        if self._link is not None:
            msg = "FIX venue is started already"
            raise BadUse(msg)
        self._emit = emit
        self._link = Link(self._config, self._history, self, self._wall_ns)
        try:
            self._link.start()
        except Exception:
            self._link = None
            raise

    def stop(self) -> None:
        """Log off; idempotent. The history stays open to be read."""
        link, self._link = self._link, None
        if link is not None:
            link.stop()

    def instruments(self) -> Mapping[str, VenueInstrument]:
        """Return the pairs agreed with the counterparty."""
        return self._config.instruments

    def send(self, command: Command) -> None:
        """Hand a command to the wire; see `trading.venues.Venue.send`.

        Prices are rounded to the agreed grid first, and REPLACED says so.

        Raises
        ------
        NotSent
            If the session is not logged on.
        Unsupported
            If the pair is not agreed, or FIX 4.4 cannot say what is asked.
        Unshapable
            If a price is none on that grid.
        """
        now_ns = self._wall_ns()
        listed = self._listed(command.order.symbol)
        asked, command = command, command_on_grid(command, listed)
        message = message_of(command, self._config.account, listed, self._capabilities, now_ns)
        due_ns = now_ns + round(self._config.answer_timeout_s * SECOND_NS)
        name = self._sent.add(command, due_ns, is_rounded=command != asked)
        try:
            sequence = self._hand_over(message)
        except NotSent:
            self._sent.forget(name)
            raise
        doubtful = self._sent.left(name, sequence)
        if doubtful is not None:
            self._tell(send_unknown(doubtful, self._wall_ns()))

    def query(self, order: Order, timeout_s: float) -> OrderReport | None:
        """Return what the counterparty knows of an order; see `trading.venues.Venue.query`.

        Raises
        ------
        Retry
            If it did not say in time, or takes no such question.
        """
        names = [*self._sent.names_of(order.client_order_id)]
        names.append(self._history.name_of(order.client_order_id))
        return self._enquiries().order(order, list(dict.fromkeys(names)), timeout_s)

    def snapshot(self, since: int | None, timeout_s: float) -> VenueSnapshot:
        """Return orders, fills and positions; see `trading.venues.Venue.snapshot`.

        Raises
        ------
        Retry
            If the counterparty did not say in time.
        """
        return self._enquiries().snapshot(since, timeout_s)

    def on_up(self, *, gap: bool) -> None:
        """Tell that commands may be sent, and ask what became of those in doubt."""
        self._tell(LinkEvent("orders", up=True, ts_recv_ns=self._wall_ns(), venue=VENUE, gap=gap))
        asked: set[str] = set()
        for sent in self._sent.doubtful():
            order = sent.order
            if order.client_order_id not in asked:
                asked.add(order.client_order_id)
                self._ask_again(sent)

    def on_down(self, reason: str) -> None:
        """Tell that the session is gone; what was not answered is in doubt."""
        now_ns = self._wall_ns()
        self._tell(LinkEvent("orders", up=False, ts_recv_ns=now_ns, venue=VENUE, reason=reason))
        for sent in self._sent.cut():
            self._tell(send_unknown(sent, now_ns))
        self._questions.cut()

    def on_gap(self, reason: str) -> None:
        """Tell that a report may have been missed."""
        self._tell(
            LinkEvent(
                "orders", up=True, ts_recv_ns=self._wall_ns(), venue=VENUE, reason=reason, gap=True
            )
        )

    def on_step(self, now_ns: int) -> None:
        """Tell of commands that have waited for too long."""
        for sent in self._sent.overdue(now_ns):
            self._tell(send_unknown(sent, now_ns))

    def on_message(self, message: FixMessage) -> None:
        """Translate a message, keep what is an execution, and tell.

        Raises
        ------
        Drop
            If it cannot be read.
        """
        now_ns = self._wall_ns()
        if message.kind == MsgType.EXECUTION_REPORT:
            if not self._questions.take(message) and not is_unknown_order(message):
                event = self._reader.execution_report(message, now_ns)
                rounded = self._sent.rounded_by(event)
                self._take(event, message)
                if rounded is not None:
                    self._tell(restated(event, rounded))
        elif message.kind == MsgType.ORDER_CANCEL_REJECT:
            self._take(cancel_reject(message, now_ns), message)
        elif message.kind in {MsgType.REJECT, MsgType.BUSINESS_MESSAGE_REJECT}:
            sent = self._refused(message)
            if sent is not None:
                self._take(refusal(message, sent, now_ns), message)
            else:
                self._questions.take(message)
        elif message.kind in {MsgType.REQUEST_FOR_POSITIONS_ACK, MsgType.POSITION_REPORT}:
            self._questions.take(message)

    def _take(self, event: OrderEvent, message: FixMessage) -> None:
        if event.kind in _EXECUTIONS:
            event = self._history.record(event)
        elif event.kind in _RENAMES and event.client_order_id and event.request > 0:
            self._history.confirm(event.client_order_id, message.text(Tag.CL_ORD_ID))
        self._sent.answered(event)
        self._tell(event)
        bar = bar_of(message)
        if bar is not None:
            why = message.text(Tag.TEXT) or bar.reason.value
            self._tell(Barred(bar.reason, why, event.ts_recv_ns, VENUE))

    def _refused(self, reject: FixMessage) -> Sent | None:
        named = self._sent.by_name(reject.text(Tag.BUSINESS_REJECT_REF_ID))
        if named is not None and reject.get(Tag.REF_MSG_TYPE) != MsgType.ORDER_STATUS_REQUEST:
            return named
        number = count_of(reject.text(Tag.REF_SEQ_NUM))
        return None if number is None else self._sent.by_sequence(number)

    def _ask_again(self, sent: Sent) -> None:
        order = sent.order
        # A submit or a replace may have arrived under its own name; a cancel names no order.
        number = 0 if sent.cancels else sent.number
        name = wire_id(order.client_order_id, number)
        if sent.cancels:
            name = self._history.name_of(order.client_order_id)
        try:
            self._hand_over(
                status_request(name, order, self._config.account, self._listed(order.symbol))
            )
        except NotSent:
            # The session is gone again; the next logon asks again.
            return

    def _hand_over(self, message: FixMessage) -> int:
        link = self._link
        if link is None:
            msg = f"FIX message {message.kind} not sent: the venue is not started"
            raise NotSent(msg)
        return link.send(message)

    def _is_up(self, timeout_s: float) -> bool:
        link = self._link
        return link is not None and link.is_up(timeout_s)

    def _enquiries(self) -> Enquiries:
        return Enquiries(
            self._config,
            self._history,
            self._questions,
            self._reader,
            self._is_up,
            self._hand_over,
            self._wall_ns,
        )

    def _listed(self, symbol: str) -> VenueInstrument:
        listed = self._config.instruments.get(symbol)
        if listed is None:
            msg = f"{symbol} is not among the pairs agreed with this FIX counterparty"
            raise Unsupported(msg)
        return listed

    def _asked_terms(self, name: str) -> OrderTerms | None:
        sent = self._sent.by_name(name)
        return None if sent is None else sent.terms

    def _tell(self, event: VenueEvent) -> None:
        if self._emit is not None:
            self._emit(event)
