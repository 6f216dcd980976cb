"""Why a counterparty refused: FIX's codes and the texts of last look, in our vocabulary.

Every code maps; one that nobody listed is `Reason.OTHER`. The text (58) is looked at only where the
code says nothing, since liquidity providers decline a deal with "other" and a few words.
"""

from typing import Final

from brokers.fix.messages import FixMessage
from brokers.fix.tags import MsgType, Tag
from brokers.reactions import Answer, Reaction, Reactions
from domain.reasons import Reason

_REJECT = Reaction.REJECT
_OTHER = Answer(_REJECT, Reason.OTHER)

ORDER_REJECTIONS: Final = Reactions(
    {
        "0": Answer(_REJECT, Reason.OTHER),
        "1": Answer(_REJECT, Reason.UNKNOWN_SYMBOL),
        "2": Answer(Reaction.RETRY, Reason.MARKET_CLOSED),
        "3": Answer(_REJECT, Reason.INSUFFICIENT_MARGIN),
        "4": Answer(_REJECT, Reason.TOO_LATE),
        "5": Answer(_REJECT, Reason.NOT_FOUND),
        "6": Answer(_REJECT, Reason.DUPLICATE_ID),
        "7": Answer(_REJECT, Reason.DUPLICATE_ID),
        "8": Answer(_REJECT, Reason.OTHER),
        "9": Answer(Reaction.HALT, Reason.NOT_AUTHORISED),
        "10": Answer(_REJECT, Reason.BAD_TERMS),
        "11": Answer(_REJECT, Reason.UNSUPPORTED),
        "12": Answer(_REJECT, Reason.BAD_PRICE),
        "13": Answer(_REJECT, Reason.BAD_QUANTITY),
        "14": Answer(_REJECT, Reason.BAD_QUANTITY),
        "15": Answer(Reaction.HALT, Reason.ACCOUNT_BLOCKED),
        "99": Answer(_REJECT, Reason.OTHER),
    },
    _OTHER,
)
"""OrdRejReason (103): 0 broker's option, 1 unknown symbol, 2 exchange closed, 3 exceeds limit,
4 too late to enter, 5 unknown order, 6 duplicate, 7 duplicate of a verbal one, 8 stale, 9 trade
along required, 10 invalid investor id, 11 unsupported characteristic, 12 surveillance, 13 incorrect
quantity, 14 incorrect allocated quantity, 15 unknown account, 99 other."""

CANCEL_REJECTIONS: Final = Reactions(
    {
        "0": Answer(_REJECT, Reason.TOO_LATE),
        "1": Answer(_REJECT, Reason.NOT_FOUND),
        "2": Answer(_REJECT, Reason.OTHER),
        "3": Answer(Reaction.RETRY, Reason.RATE_LIMITED),
        "4": Answer(_REJECT, Reason.OTHER),
        "5": Answer(_REJECT, Reason.OTHER),
        "6": Answer(_REJECT, Reason.DUPLICATE_ID),
        "99": Answer(_REJECT, Reason.OTHER),
    },
    _OTHER,
)
"""CxlRejReason (102): 0 too late, 1 unknown order, 2 broker's option, 3 already pending cancel or
replace, 4 mass cancel not processed, 5 wrong original time, 6 duplicate ClOrdID, 99 other."""

BUSINESS_REJECTIONS: Final = Reactions(
    {
        "0": Answer(_REJECT, Reason.OTHER),
        "1": Answer(_REJECT, Reason.NOT_FOUND),
        "2": Answer(_REJECT, Reason.UNKNOWN_SYMBOL),
        "3": Answer(_REJECT, Reason.UNSUPPORTED),
        "4": Answer(Reaction.RETRY, Reason.DISCONNECTED),
        "5": Answer(_REJECT, Reason.BAD_TERMS),
        "6": Answer(Reaction.HALT, Reason.NOT_AUTHORISED),
        "7": Answer(Reaction.RETRY, Reason.DISCONNECTED),
    },
    _OTHER,
)
"""BusinessRejectReason (380): 0 other, 1 unknown id, 2 unknown security, 3 unsupported message,
4 application not available, 5 field missing, 6 not authorised, 7 firm not available."""

_TEXTS: Final[tuple[tuple[str, Reason], ...]] = (
    ("last look", Reason.LAST_LOOK),
    ("off market", Reason.LAST_LOOK),
    ("price moved", Reason.LAST_LOOK),
    ("price has moved", Reason.LAST_LOOK),
    ("price not available", Reason.LAST_LOOK),
    ("stale", Reason.LAST_LOOK),
    ("requote", Reason.LAST_LOOK),
    ("no longer valid", Reason.LAST_LOOK),
    ("hold time", Reason.LAST_LOOK),
    ("credit", Reason.INSUFFICIENT_MARGIN),
    ("margin", Reason.INSUFFICIENT_MARGIN),
    ("insufficient", Reason.INSUFFICIENT_MARGIN),
    ("liquidity", Reason.NO_LIQUIDITY),
    ("no price", Reason.NO_LIQUIDITY),
    ("closed", Reason.MARKET_CLOSED),
    ("throttl", Reason.RATE_LIMITED),
    ("too many", Reason.RATE_LIMITED),
    ("duplicate", Reason.DUPLICATE_ID),
    ("minimum", Reason.BAD_QUANTITY),
    ("maximum", Reason.BAD_QUANTITY),
)
"""Words of a text, in lower case; the first that is in it decides."""

_REFUSED_LOGON = ("password", "credential", "username", "authenti", "authori", "permission", "comp")
"""Words in the text of a Logout that answers a Logon: trying again would not help."""


def order_rejection(report: FixMessage) -> Answer:
    """Return the reaction to an ExecutionReport that rejects or cancels an order."""
    return _of(ORDER_REJECTIONS, report.get(Tag.ORD_REJ_REASON), report.text(Tag.TEXT))


def cancel_rejection(reject: FixMessage) -> Answer:
    """Return the reaction to an OrderCancelReject."""
    return _of(CANCEL_REJECTIONS, reject.get(Tag.CXL_REJ_REASON), reject.text(Tag.TEXT))


def business_rejection(reject: FixMessage) -> Answer:
    """Return the reaction to a BusinessMessageReject."""
    return _of(BUSINESS_REJECTIONS, reject.get(Tag.BUSINESS_REJECT_REASON), reject.text(Tag.TEXT))


def bar_of(message: FixMessage) -> Answer | None:
    """Return the answer to a message that bars the whole account; None for any other message."""
    if message.kind == MsgType.BUSINESS_MESSAGE_REJECT:
        answer = business_rejection(message)
    elif message.kind == MsgType.EXECUTION_REPORT and message.get(Tag.ORD_REJ_REASON):
        answer = order_rejection(message)
    else:
        return None
    return answer if answer.reaction is Reaction.HALT else None


def is_refused_logon(text: str) -> bool:
    """Say whether the text of a Logout means that these credentials or names are not taken."""
    low = text.lower()
    return any(word in low for word in _REFUSED_LOGON)


def _of(table: Reactions, code: str | None, text: str) -> Answer:
    answer = table[code or ""]
    if answer.reason is not Reason.OTHER:
        return answer
    low = text.lower()
    for words, reason in _TEXTS:
        if words in low:
            return Answer(answer.reaction, reason)
    return answer
