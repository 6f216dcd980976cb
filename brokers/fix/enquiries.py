"""What the counterparty knows: an order, all orders, positions."""

import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from brokers.fix.config import FixConfig
from brokers.fix.history import History, positions
from brokers.fix.messages import FixMessage
from brokers.fix.questions import Answers, Questions
from brokers.fix.rejections import business_rejection
from brokers.fix.reports import Reader
from brokers.fix.requests import mass_status_request, positions_request, status_request
from brokers.fix.tags import MsgType, Tag
from domain.errors import Retry
from domain.instruments import canonical
from domain.orders import Order
from domain.reasons import Reason
from trading.venues import NotSent, OrderReport, VenuePosition, VenueSnapshot

_VALID, _NONE_FOUND = {"", "0"}, "2"
"""PosReqResult (728): a valid request, and one that found no positions."""


class Enquiries:
    """Asks and waits, on the caller's thread.

    Parameters
    ----------
    config, history, questions, reader
        The session and what is kept of it.
    is_up
        Waits up to some seconds for the session; says whether it is there.
    hand_over
        Sends a message; returns its MsgSeqNum, or raises `NotSent`.
    wall_ns
        Clock, nanoseconds UTC.
    """

    def __init__(
        self,
        config: FixConfig,
        history: History,
        questions: Questions,
        reader: Reader,
        is_up: Callable[[float], bool],
        hand_over: Callable[[FixMessage], int],
        wall_ns: Callable[[], int],
    ) -> None:
        self._config = config
        self._history = history
        self._questions = questions
        self._reader = reader
        self._is_up = is_up
        self._hand_over = hand_over
        self._wall_ns = wall_ns

    def order(self, order: Order, names: Sequence[str], timeout_s: float) -> OrderReport | None:
        """Ask for an order under each of its names until one is known; None if none is.

        Raises
        ------
        Retry
            If an answer did not come in time, or the counterparty takes no such question.
        """
        listed = self._config.instruments[order.symbol]
        for name in names:
            before = self._history.last_sequence()
            question = status_request(name, order, self._config.account, listed)
            answers = self._ask(name, question, timeout_s / len(names))
            if answers.refusal is not None:
                reason = business_rejection(answers.refusal).reason
                if reason is not Reason.NOT_FOUND:
                    msg = f"FIX counterparty does not say what became of an order: {reason}"
                    raise Retry(msg)
                continue
            found = self._reader.order_report(answers.messages[-1], self._wall_ns(), before)
            if found is not None:
                return found
        return None

    def snapshot(self, since: int | None, timeout_s: float) -> VenueSnapshot:
        """Ask for all orders and positions, and add the executions of our own history.

        Raises
        ------
        Retry
            If an answer did not come in time.
        """
        before = self._history.last_sequence()
        orders: tuple[OrderReport, ...] = ()
        complete = False
        if self._config.mass_status:
            request_id = self._questions.new_id(f"m{self._wall_ns()}-")
            question = mass_status_request(request_id, self._config.account)
            answers = self._ask(request_id, question, timeout_s / 2)
            complete = answers.refusal is None
            now_ns = self._wall_ns()
            found = [self._reader.order_report(one, now_ns, before) for one in answers.messages]
            orders = tuple(one for one in found if one is not None)
        held, told = self._positions(timeout_s / 2)
        executions = self._history.executions(since)
        return VenueSnapshot(
            account=self._config.account,
            currency=self._config.currency,
            ts_event_ns=self._wall_ns(),
            orders=orders,
            executions=executions,
            positions=held,
            last_sequence=max((one.sequence or 0 for one in executions), default=before),
            complete=complete and told,
        )

    def _positions(self, timeout_s: float) -> tuple[tuple[VenuePosition, ...], bool]:
        if not self._config.position_requests:
            return positions(self._history.executions(None)), True
        now_ns = self._wall_ns()
        request_id = self._questions.new_id(f"p{now_ns}-")
        question = positions_request(request_id, self._config.account, now_ns)
        answers = self._ask(request_id, question, timeout_s)
        results = {one.text(Tag.POS_REQ_RESULT) for one in answers.messages}
        if answers.refusal is not None or not results <= {*_VALID, _NONE_FOUND}:
            return (), False
        spelled = {one.name: symbol for symbol, one in self._config.instruments.items()}
        found = [
            _position(one, spelled)
            for one in answers.messages
            if one.kind == MsgType.POSITION_REPORT
        ]
        return tuple(one for one in found if one.units), True

    def _ask(self, key: str, question: FixMessage, timeout_s: float) -> Answers:
        deadline_s = time.monotonic() + timeout_s
        self._is_up(timeout_s)
        answers = self._questions.ask(key)
        try:
            self._questions.sent(key, self._hand_over(question))
            in_time = answers.complete.wait(max(0.0, deadline_s - time.monotonic()))
        except NotSent as error:
            msg = f"FIX counterparty cannot be asked now: {error}"
            raise Retry(msg) from error
        finally:
            self._questions.close(key)
        if not in_time or answers.cut:
            msg = f"FIX counterparty did not answer question {question.kind} in {timeout_s:g} s"
            raise Retry(msg)
        return answers


def _position(report: FixMessage, spelled: dict[str, str]) -> VenuePosition:
    name = report.text(Tag.SYMBOL)
    sizes = (sum(map(Decimal, report.all(tag))) for tag in (Tag.LONG_QTY, Tag.SHORT_QTY))
    long, short = (Decimal(size) for size in sizes)
    price = report.decimal(Tag.SETTL_PRICE)
    units = long - short
    return VenuePosition(spelled.get(name) or canonical(name), units, price if units else None)
