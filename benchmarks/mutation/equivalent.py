"""Faults that no test can notice, because nothing that anybody sees depends on them."""

from collections.abc import Mapping

_FILLS, _MACHINE, _MOMENTS, _REQUESTS, _TABLE, _TRUTH = (
    f"trading/orders/{name}.py"
    for name in ("fills", "machine", "moments", "requests", "table", "truth")
)

_IS_DEFAULT = "what is left out is what `decimal` takes by itself"
_ALWAYS_COUNTED = "no booking is of 0 units"
_NOTHING_LEFT = "nothing is left to explain, so every further one is passed over as well"
_GROWS_TO_ITSELF = "a quantity that is set to itself"
_NEVER_OPEN = "an order that is done has no accepted status under it"
_SAME_NAME = "an empty name is set in the place of an empty one"
_SAME_END = "every other order that ends is closed with the same end"
_ONLY_REPORTS = "of refused orders, only reports carry a status that says that they work"
_HAS_TERMS = "without terms there are none to put in force, whatever their moment"
_NOT_OLDER = "nothing is older than what is not known: `precedes` says so as well"
_MOVED_ON = "a fill moves what stands under a request on from pending_new"
_IN_DOUBT = "of an order that is not in doubt, NOT_FOUND is passed over before, as OVERTAKEN"
_ONLY_REPLACES = "no other request has terms"
_NO_END = "no status is no end"
_TOLD = "whatever else is done and not refused has the end that it was told"
_KNOWN = "an execution that changes nothing is passed over before, as E1"

EQUIVALENT: Mapping[tuple[str, str, str], str] = {
    (
        _FILLS,
        "",
        "Context(prec=28, rounding=ROUND_HALF_EVEN)  ->  Context(prec=28)",
    ): _IS_DEFAULT,
    (
        _FILLS,
        "",
        "Context(prec=28, rounding=ROUND_HALF_EVEN)  ->  Context(rounding=ROUND_HALF_EVEN)",
    ): _IS_DEFAULT,
    (
        _FILLS,
        "with_executions",
        "cum > state.order.quantity_units  ->  (cum >= state.order.quantity_units)",
    ): _GROWS_TO_ITSELF,
    (_FILLS, "_replace_inferred", "break  ->  continue"): _NOTHING_LEFT,
    (_FILLS, "_booked", "units > 0  ->  (units >= 0)"): _ALWAYS_COUNTED,
    (
        _MACHINE,
        "apply",
        (
            'row.to == "report" and _works_though_refused(state, event)'
            "  ->  ((_works_though_refused(state, event)))"
        ),
    ): _ONLY_REPORTS,
    (
        _MACHINE,
        "_noted",
        (
            "event.kind in _EXECUTIONS | _PROGRESS and event.venue_order_id and not "
            "order.venue_order_id  ->  ((event.kind in _EXECUTIONS | _PROGRESS) and (not "
            "order.venue_order_id))"
        ),
    ): _SAME_NAME,
    (
        _MACHINE,
        "_noted",
        (
            'state.is_open and state.underlying == "accepted"'
            "  ->  ((state.underlying == 'accepted'))"
        ),
    ): _NEVER_OPEN,
    (
        _MACHINE,
        "_noted",
        'state.status == "filled" and event.kind in _ENDS  ->  ((event.kind in _ENDS))',
    ): _SAME_END,
    (
        _MOMENTS,
        "later",
        "other is None or not precedes(one, other)  ->  ((not precedes(one, other)))",
    ): _NOT_OLDER,
    (
        _REQUESTS,
        "replaced",
        (
            "terms is not None and not precedes(moment_of(event), state.terms_moment)"
            "  ->  ((not precedes(moment_of(event), state.terms_moment)))"
        ),
    ): _HAS_TERMS,
    (
        _REQUESTS,
        "replaced",
        "terms is not None and fresh  ->  ((fresh))",
    ): _HAS_TERMS,
    (
        _TABLE,
        "_never_seen",
        (
            'state.order.in_doubt and state.underlying == "pending_new" and state.cum_units == 0'
            "  ->  ((state.order.in_doubt) and (state.underlying == 'pending_new'))"
        ),
    ): _MOVED_ON,
    (
        _TABLE,
        "_never_seen",
        (
            'state.order.in_doubt and state.underlying == "pending_new" and state.cum_units == 0'
            "  ->  ((state.underlying == 'pending_new') and (state.cum_units == 0))"
        ),
    ): _IN_DOUBT,
    (
        _TRUTH,
        "_with_terms",
        'r.asked == "replace" and r.terms == terms  ->  ((r.terms == terms))',
    ): _ONLY_REPLACES,
    (
        _TRUTH,
        "_in_status",
        "status in ENDED and status is not None  ->  ((status in ENDED))",
    ): _NO_END,
    (
        _TRUTH,
        "_of_closed",
        'state.status != "filled" or state.ended is not None  ->  ((state.ended is not None))',
    ): _TOLD,
    (
        _TRUTH,
        "_still_closed",
        (
            "status is None or status not in ENDED or status == state.status"
            "  ->  ((status not in ENDED) or (status == state.status))"
        ),
    ): _NO_END,
    (_MACHINE, "_execute", "return state, ()  ->  return None"): _KNOWN,
    (_MACHINE, "_execute", "state, ()  ->  ((),)"): _KNOWN,
    (_MACHINE, "_execute", "state, ()  ->  (state,)"): _KNOWN,
}
"""Why, by file, function and change. They count as survivors all the same."""
