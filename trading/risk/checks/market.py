"""Is there a market to trade on: a quote that is sound, fresh and not too wide, in open hours."""

from domain.ticks import REJECTED, SUSPECT, reasons
from trading.risk.calendar_windows import moment
from trading.risk.case import Case, is_number
from trading.risk.codes import Denial, Deny, deny

_UNSOUND = REJECTED | SUSPECT


def quality(case: Case) -> Denial | None:
    """Deny without a quote of two sound prices, and on a suspect one."""
    quote = case.context.quotes.get(case.order.symbol)
    if quote is None:
        return deny(Deny.NO_QUOTE)
    if not (is_number(quote.bid) and is_number(quote.ask)):
        return deny(Deny.NOT_FINITE, f"{quote.bid}/{quote.ask}", unit="bid/ask")
    if not 0 < quote.bid <= quote.ask:
        return deny(Deny.NO_QUOTE, f"{quote.bid}/{quote.ask}", unit="bid/ask")
    verdict = case.context.verdict
    if verdict is None:
        return deny(Deny.QUALITY_UNAVAILABLE)
    if verdict & _UNSOUND:
        return deny(Deny.SUSPECT_QUOTE, " ".join(reasons(verdict)))
    return None


def price_age(case: Case) -> Denial | None:
    """Deny on a quote that is too old, or from the future by as much."""
    received_ns = case.context.quote_recv_ns
    if received_ns is None:
        return deny(Deny.STALE_PRICE, "never received")
    age_ns = case.now_ns - received_ns
    most_ns = case.limits.market.max_price_age_ns
    if age_ns > most_ns:
        return deny(Deny.STALE_PRICE, age_ns, most_ns, "ns")
    if age_ns < -most_ns:
        return deny(Deny.FUTURE_PRICE, -age_ns, most_ns, "ns")
    return None


def spread(case: Case) -> Denial | None:
    """Deny on a spread beyond the symbol's bound, or the rollover's around 17:00 New York."""
    limits = case.limits.market
    pips = case.pips(case.quote.ask - case.quote.bid)
    most = limits.spread_pips.get(case.order.symbol, limits.max_spread_pips)
    if _is_rollover(case):
        most = max(most, limits.rollover_spread_pips)
    return deny(Deny.SPREAD, pips, most, "pips") if pips > most else None


def session(case: Case) -> Denial | None:
    """Deny while the market is closed, around rollover, after the opening and before the close."""
    limits, now_ns = case.limits.session, case.now_ns
    if not case.context.tradeable:
        return deny(Deny.NOT_TRADEABLE, case.order.symbol)
    at = moment(now_ns)
    if at.open_ns is None or at.close_ns is None:
        return deny(Deny.MARKET_CLOSED)
    if not limits.trade_rollover and _is_rollover(case):
        return deny(Deny.ROLLOVER)
    if now_ns - at.open_ns < limits.after_open_ns:
        return deny(Deny.AFTER_OPEN, now_ns - at.open_ns, limits.after_open_ns, "ns")
    if at.close_ns - now_ns <= limits.before_close_ns:
        return deny(Deny.BEFORE_CLOSE, at.close_ns - now_ns, limits.before_close_ns, "ns")
    return None


def _is_rollover(case: Case) -> bool:
    limits, at = case.limits.session, moment(case.now_ns)
    return (
        case.now_ns - at.last_roll_ns < limits.rollover_after_ns
        or at.next_roll_ns - case.now_ns <= limits.rollover_before_ns
    )
