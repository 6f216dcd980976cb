"""Questions to the counterparty, and whoever waits for their answers."""

import threading

import msgspec

from brokers.fix.messages import FixMessage
from brokers.fix.tags import MsgType, Tag
from domain.ids import life_id

_STATUS_REPORT = "I"


class Answers(msgspec.Struct):
    """What came for one question.

    Attributes
    ----------
    complete
        Set once nothing more is to come.
    messages
        The reports, in order.
    refusal
        The reject, where the counterparty does not take such a question.
    sequence
        MsgSeqNum (34) of the question.
    cut
        The connection went before the answer was whole.
    """

    complete: threading.Event
    messages: list[FixMessage]
    refusal: FixMessage | None = None
    sequence: int | None = None
    cut: bool = False


class Questions:
    """Open questions by the id that their answers repeat. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Answers] = {}
        self._asked = 0

    def new_id(self, prefix: str) -> str:
        """Return an id that no other question of this process has."""
        with self._lock:
            self._asked += 1
            return f"{prefix}{self._asked}"

    def ask(self, key: str) -> Answers:
        """Open a question."""
        with self._lock:
            return self._open.setdefault(key, Answers(threading.Event(), []))

    def sent(self, key: str, sequence: int) -> None:
        """Note under which MsgSeqNum (34) a question left: a Reject names nothing else."""
        with self._lock:
            if key in self._open:
                self._open[key].sequence = sequence

    def close(self, key: str) -> None:
        """Forget a question, answered or not."""
        with self._lock:
            self._open.pop(key, None)

    def cut(self) -> None:
        """Let all who wait go: the connection is gone, and nothing more comes."""
        with self._lock:
            for answers in self._open.values():
                answers.cut = not answers.complete.is_set()
                answers.complete.set()
            self._open.clear()

    def take(self, message: FixMessage) -> bool:
        """Hand a message to whoever asked for it; say whether anybody did."""
        with self._lock:
            if message.kind == MsgType.EXECUTION_REPORT:
                return self._take_status(message)
            if message.kind in {MsgType.REQUEST_FOR_POSITIONS_ACK, MsgType.POSITION_REPORT}:
                return self._take_position(message)
            return self._take_refusal(message)

    def _take_status(self, report: FixMessage) -> bool:
        mass = self._open.get(report.text(Tag.MASS_STATUS_REQ_ID))
        if mass is not None:
            total = report.decimal(Tag.TOT_NUM_REPORTS)
            if total != 0:
                mass.messages.append(report)
            if report.flag(Tag.LAST_RPT_REQUESTED) or total == len(mass.messages):
                mass.complete.set()
            return True
        one = self._about(report.text(Tag.CL_ORD_ID))
        if one is None or report.get(Tag.EXEC_TYPE) != _STATUS_REPORT:
            return False
        one.messages.append(report)
        one.complete.set()
        return True

    def _about(self, name: str) -> Answers | None:
        # The answer names the order as it is called now, which may be by a later request.
        life, _ = life_id(name)
        return self._open.get(name) or next(
            (answers for key, answers in self._open.items() if life_id(key)[0] == life), None
        )

    def _take_position(self, message: FixMessage) -> bool:
        answers = self._open.get(message.text(Tag.POS_REQ_ID))
        if answers is None:
            return False
        answers.messages.append(message)
        totals = [one.decimal(Tag.TOTAL_NUM_POS_REPORTS) for one in answers.messages]
        reports = sum(one.kind == MsgType.POSITION_REPORT for one in answers.messages)
        if any(total is not None and reports >= total for total in totals):
            answers.complete.set()
        return True

    def _take_refusal(self, reject: FixMessage) -> bool:
        answers = self._open.get(reject.text(Tag.BUSINESS_REJECT_REF_ID))
        if answers is None:
            reference = reject.get(Tag.REF_SEQ_NUM)
            answers = next(
                (one for one in self._open.values() if str(one.sequence) == reference), None
            )
        if answers is None:
            return False
        answers.refusal = reject
        answers.complete.set()
        return True
