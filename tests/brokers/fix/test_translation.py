"""Commands to messages, reports to events: what each field comes from."""

from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.fix.messages import FixMessage, parse
from brokers.fix.rejections import (
    BUSINESS_REJECTIONS,
    CANCEL_REJECTIONS,
    ORDER_REJECTIONS,
    bar_of,
    is_refused_logon,
    order_rejection,
)
from brokers.fix.reports import Reader, cancel_reject
from brokers.fix.requests import message_of
from brokers.fix.tags import Tag
from brokers.fix.terms import (
    BY_AGREEMENT,
    capabilities,
    status_of,
    terms_fields,
    terms_of_report,
)
from domain.errors import Drop
from domain.nanos import parse_ns
from domain.order_events import EventKind
from domain.orders import OrderSide, OrderTerms, OrderType, terms_of
from domain.reasons import Reason
from tests.brokers.fix.rigs import EURUSD, a_replace, an_order, fill, report
from trading.venues import Cancel, Command, Submit, Unsupported

NOW = parse_ns("2026-01-05T10:00:00")
ABLE = capabilities(1.0)
READER = Reader({"EUR/USD": "EURUSD"}, lambda _name: None)


def message(kind: str, fields: list[tuple[int, str]]) -> FixMessage:
    """Make a message as the engine hands it over."""
    return FixMessage(kind, ((35, kind), *fields))


def test_new_order_says_everything_once() -> None:
    """Every field of a NewOrderSingle, by its number."""
    found = message_of(Submit(an_order()), "ACC-1", EURUSD, ABLE, NOW)

    assert found.kind == "D"
    assert dict(found.fields) == {
        1: "ACC-1",
        11: an_order().client_order_id,
        15: "EUR",
        38: "10000",
        40: "2",
        44: "1.10000",
        54: "1",
        55: "EUR/USD",
        58: "trend/" + "0f" * 16,
        59: "1",
        60: "20260105-10:00:00.000",
    }
    assert found.parties == (((448, "mira"), (447, "D"), (452, "12")),)


def test_every_message_about_an_order_carries_strategy_user_and_model() -> None:
    """Submit, replace and cancel alike."""
    order = an_order()
    commands: list[Command] = [Submit(order), a_replace(order, 5_000, 1), Cancel(order, 2, 1)]
    for command in commands:
        found = message_of(command, "ACC-1", EURUSD, ABLE, NOW)
        assert found.get(Tag.TEXT) == f"trend/{order.model_id}"
        assert found.parties[0][0] == (448, "mira")


def test_good_till_date_and_stop_limit_have_their_fields() -> None:
    """59=6 with 126, 40=4 with 44 and 99."""
    terms = OrderTerms(
        quantity_units=Decimal("1E+4"),
        order_type="stop_limit",
        time_in_force="GTD",
        limit_price=Decimal("1.2"),
        trigger_price=Decimal("1.1"),
        expire_ns=NOW,
    )
    assert {int(tag): value for tag, value in terms_fields(terms, "buy", ABLE)} == {
        38: "10000",
        40: "4",
        44: "1.2",
        59: "6",
        99: "1.1",
        126: "20260105-10:00:00.000",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"order_type": "trailing_stop", "trailing_distance": Decimal(1)},
        {"order_type": "market_if_touched", "trigger_price": Decimal(1)},
        {"trailing_distance": Decimal(1)},
        {"order_type": "market", "time_in_force": "GTC"},
        {"trigger_side": "mid"},
        {"position_effect": "reduce_only"},
        {"price_bound": Decimal(1)},
    ],
)
def test_what_fix_cannot_say_is_refused_before_it_is_sent(change: dict[str, object]) -> None:
    """A term is never left out in silence."""
    terms = msgspec.structs.replace(terms_of(an_order()), **change)
    with pytest.raises(Unsupported):
        terms_fields(terms, "buy", ABLE)


def test_every_allowed_pair_of_type_and_time_can_be_said() -> None:
    """The capability table promises nothing that the translation refuses."""
    able = capabilities(1.0, BY_AGREEMENT)
    assert set(able.times_in_force) == set(get_args(OrderType))
    for kind, times in able.times_in_force.items():
        for time in times:
            distance = Decimal(1) if kind == "trailing_stop" else None
            terms = OrderTerms(Decimal(1), kind, time, trailing_distance=distance)
            assert dict(terms_fields(terms, "buy", able))[Tag.ORDER_QTY] == "1"


@pytest.mark.parametrize(("side", "offset"), [("buy", "0.0050"), ("sell", "-0.0050")])
def test_trailing_stop_is_a_peg_behind_the_market(side: OrderSide, offset: str) -> None:
    """40=P, 18=a, and a signed offset in price that moves with the market."""
    able = capabilities(1.0, BY_AGREEMENT)
    terms = OrderTerms(
        Decimal(1),
        "trailing_stop",
        "GTC",
        trigger_price=Decimal("1.2"),
        trailing_distance=Decimal("0.0050"),
    )
    wire = [(int(tag), value) for tag, value in terms_fields(terms, side, able) if value]

    assert dict(wire) == {
        18: "a",
        38: "1",
        40: "P",
        59: "1",
        99: "1.2",
        211: offset,
        835: "0",
        836: "0",
    }
    found = terms_of_report(message("8", wire), None)
    assert found is not None
    assert (found.order_type, found.trailing_distance) == ("trailing_stop", Decimal("0.0050"))


def test_peg_that_does_not_trail_is_no_order_of_ours() -> None:
    """40=P without 18=a would be followed by other rules: it is not guessed at."""
    with pytest.raises(Drop):
        terms_of_report(message("8", [(38, "1"), (40, "P"), (18, "P R")]), None)


@pytest.mark.parametrize(
    ("kind", "asked", "letter", "tag"),
    [
        ("take_profit", {"limit_price": Decimal("1.2")}, "2", 44),
        ("take_profit", {"trigger_price": Decimal("1.2")}, "2", 44),
        ("stop_loss", {"trigger_price": Decimal("1.2")}, "3", 99),
        ("market_if_touched", {"trigger_price": Decimal("1.2")}, "J", 99),
    ],
)
def test_protective_orders_come_back_as_what_was_asked(
    kind: OrderType, asked: dict[str, Any], letter: str, tag: int
) -> None:
    """A take profit is a limit there and a stop loss a stop: their letter says nothing else."""
    able = capabilities(1.0, BY_AGREEMENT)
    terms = OrderTerms(Decimal(1), kind, "GTC", **asked)
    wire = [(int(name), value) for name, value in terms_fields(terms, "sell", able) if value]

    assert (dict(wire)[40], dict(wire)[tag]) == (letter, "1.2")
    assert terms_of_report(message("8", wire), terms) == terms


@pytest.mark.parametrize(
    ("exec_type", "kind"),
    [
        ("0", EventKind.ACK),
        ("3", EventKind.SUSPENDED),
        ("4", EventKind.CANCELED),
        ("5", EventKind.REPLACED),
        ("6", EventKind.PENDING_CANCEL_ACK),
        ("7", EventKind.STATUS),
        ("8", EventKind.REJECT),
        ("9", EventKind.SUSPENDED),
        ("A", EventKind.PENDING_ACK),
        ("B", EventKind.STATUS),
        ("C", EventKind.EXPIRED),
        ("D", EventKind.REPLACED),
        ("E", EventKind.STATUS),
        ("I", EventKind.STATUS),
        ("J", EventKind.STATUS),
        ("K", EventKind.STATUS),
        ("L", EventKind.TRIGGERED),
    ],
)
def test_exec_type_says_what_happened(exec_type: str, kind: EventKind) -> None:
    """All of 150 but the executions, whatever 39 says."""
    for status in "0123456789ABCDE":
        event = READER.execution_report(message("8", report(an_order(), exec_type, status)), NOW)
        assert event.kind is kind
        assert event.execution_id == ""


@pytest.mark.parametrize(
    ("exec_type", "kind"),
    [
        ("F", EventKind.FILL),
        ("1", EventKind.FILL),
        ("2", EventKind.FILL),
        ("G", EventKind.CORRECT),
        ("H", EventKind.BUST),
    ],
)
def test_executions_carry_their_own_figures(exec_type: str, kind: EventKind) -> None:
    """17, 19, 32, 31 of the execution; 14, 151, 6 of the order."""
    fields = report(
        an_order(),
        exec_type,
        "1",
        t17="E2",
        t19="E1",
        t32="2500",
        t31="1.10005",
        t14="4000",
        t151="6000",
        t6="1.10001",
    )
    event = READER.execution_report(message("8", fields), NOW)

    assert (event.kind, event.execution_id, event.execution_ref) == (kind, "E2", "E1")
    assert (event.quantity_units, event.price) == (Decimal(2_500), Decimal("1.10005"))
    assert (event.cum_units, event.leaves_units) == (Decimal(4_000), Decimal(6_000))
    assert event.average_price == Decimal("1.10001")
    assert event.ts_event_ns == parse_ns("2026-01-05T10:00:00")


@pytest.mark.parametrize(
    ("how", "charge"),
    [
        ("3", Decimal("2.5")),
        ("1", Decimal(10_000)),
        ("2", Decimal("110.00000000")),
        ("", Decimal("2.5")),
    ],
)
def test_commission_is_an_amount_whatever_it_was_told_as(how: str, charge: Decimal) -> None:
    """13: per unit, percent of the notional, absolute."""
    fields = [*fill(an_order(), "E1", 4_000, 4_000), (12, "2.5"), (13, how), (479, "USD")]
    event = READER.execution_report(message("8", fields), NOW)

    assert (event.commission, event.commission_currency) == (charge, "USD")


def test_order_of_someone_else_is_external() -> None:
    """No id of ours: kind EXTERNAL for a state, FILL with symbol and side for a fill."""
    foreign = an_order(client_order_id="DESK-17")
    state = READER.execution_report(message("8", report(foreign, "I", "0")), NOW)
    filled = READER.execution_report(message("8", fill(foreign, "E1", 1_000, 1_000)), NOW)

    assert (state.kind, state.client_order_id, state.request) == (EventKind.EXTERNAL, "", -1)
    assert state.terms is not None
    assert (filled.kind, filled.client_order_id) == (EventKind.FILL, "")
    assert (filled.symbol, filled.side, filled.venue_order_id) == ("EURUSD", "buy", "OID-1")


@pytest.mark.parametrize(
    ("status", "cum", "leaves", "found"),
    [
        ("1", "10000", "0", "filled"),
        ("1", "4000", "6000", "partially_filled"),
        ("0", "4000", "6000", "partially_filled"),
        ("0", "0", "10000", "accepted"),
        ("4", "4000", "0", "canceled"),
        ("6", "4000", "6000", "pending_cancel"),
        ("E", "0", "10000", "pending_replace"),
    ],
)
def test_status_is_corrected_by_quantities(status: str, cum: str, leaves: str, found: str) -> None:
    """39 alone is not believed."""
    fields = report(an_order(), "I", status, t14=cum, t151=leaves)
    assert status_of(message("8", fields)) == found


@pytest.mark.parametrize(
    "broken",
    [
        {"t150": "Z"},
        {"t39": "Z"},
        {"t32": "0"},
        {"t32": "-5"},
        {"t31": "0"},
        {"t31": "NaN"},
        {"t17": ""},
        {"t60": "yesterday"},
        {"t14": "many"},
    ],
)
def test_fill_that_does_not_say_what_it_must_is_dropped(broken: dict[str, str]) -> None:
    """Nothing is guessed."""
    good = {"t17": "E1", "t32": "1000", "t31": "1.1", "t14": "1000"}
    fields = report(an_order(), "F", "1", **{**good, **broken})
    with pytest.raises(Drop):
        READER.execution_report(message("8", fields), NOW)


def test_reject_codes_are_total() -> None:
    """Every code of the specification is listed; any other is still answered."""
    assert all(str(code) in ORDER_REJECTIONS for code in (*range(16), 99))
    assert all(str(code) in CANCEL_REJECTIONS for code in (*range(7), 99))
    assert all(str(code) in BUSINESS_REJECTIONS for code in range(8))
    for table in (ORDER_REJECTIONS, CANCEL_REJECTIONS, BUSINESS_REJECTIONS):
        assert table["no such code"].reason is Reason.OTHER


def test_the_codes_that_bar_the_account_are_told_from_those_of_one_order() -> None:
    """Of orders: who we are, and which account. Of other messages: what we may do."""
    orders = [str(code) for code in (*range(16), 99)]
    rejected = {code: bar_of(message("8", [(103, code)])) for code in orders}
    assert [code for code, bar in rejected.items() if bar is not None] == ["9", "15"]
    turned_away = {str(code): bar_of(message("j", [(380, str(code))])) for code in range(8)}
    assert [code for code, bar in turned_away.items() if bar is not None] == ["6"]
    assert bar_of(message("9", [(102, "15")])) is None
    assert bar_of(message("8", [(150, "0")])) is None


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("99", "Rejected: last look", Reason.LAST_LOOK),
        ("0", "PRICE MOVED", Reason.LAST_LOOK),
        ("", "Insufficient credit", Reason.INSUFFICIENT_MARGIN),
        ("3", "last look", Reason.INSUFFICIENT_MARGIN),
        ("99", "no liquidity at this price", Reason.NO_LIQUIDITY),
        ("99", "", Reason.OTHER),
        ("12345", "nothing known", Reason.OTHER),
    ],
)
def test_text_decides_only_where_the_code_says_nothing(
    code: str, text: str, reason: Reason
) -> None:
    """103 first, then the words of 58."""
    fields = report(an_order(), "8", "8", t103=code, t58=text)
    assert order_rejection(message("8", fields)).reason is reason


def test_cancel_reject_tells_cancel_from_replace() -> None:
    """434=1 and 434=2; the request comes from ClOrdID."""
    name = an_order().client_order_id
    for to, kind in (("1", EventKind.CANCEL_REJECT), ("2", EventKind.REPLACE_REJECT)):
        event = cancel_reject(message("9", [(11, name + "02"), (434, to), (102, "0")]), NOW)
        assert (event.kind, event.client_order_id, event.request) == (kind, name, 2)
        assert (event.reason, event.unknown_order) == (Reason.TOO_LATE, False)


def test_only_words_about_us_make_a_logon_hopeless() -> None:
    """A password is a person's business; a closed session is not."""
    assert is_refused_logon("Invalid PASSWORD")
    assert is_refused_logon("Unknown SenderCompID")
    assert not is_refused_logon("MsgSeqNum too low, expecting 5 but received 1")


FIELD = st.tuples(
    st.sampled_from(
        [1, 6, 11, 12, 13, 14, 17, 31, 32, 37, 38, 39, 40, 44, 54, 55, 59, 60, 99, 126]
    ),
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
        st.decimals(allow_nan=True, allow_infinity=True).map(str),
        st.sampled_from(["1e308", "-1", "0", "NaN", "99999999999999999999999999"]),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from("0123456789ABCDEFGHIJKL"), st.lists(FIELD, max_size=12))
def test_any_report_becomes_an_event_or_is_dropped(
    exec_type: str, fields: list[tuple[int, str]]
) -> None:
    """No report, however broken, raises anything else; no figure of an event is not finite."""
    raw = "\x01".join(["35=8", f"150={exec_type}", *(f"{tag}={value}" for tag, value in fields)])
    try:
        event = READER.execution_report(parse(raw), NOW)
    except Drop:
        return
    for figure in (event.quantity_units, event.price, event.cum_units, event.commission):
        assert figure is None or figure.is_finite()
