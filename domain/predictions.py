"""What is derived from bars: features, predictions, labels and signals."""

from typing import Literal

import msgspec

Side = Literal["buy", "sell", "flat"]
"""What a signal wants to hold; ``flat`` is no position."""


class FeatureVector(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """All features of one symbol at the close of one 1 m bar.

    Attributes
    ----------
    symbol, ts_event_ns, ts_recv_ns
        Of the bar that closed.
    schema
        Digest of the feature names, units and formulas that ``values`` follows in order.
    values
        One number per feature of the schema; NaN (null in JSON) where that one is not ready.
    ready
        True when every feature is warm. A model must not be asked otherwise.
    mid_close
        Mid price at the close of the bar: what labels are measured from.
    spread_mean_pips
        Mean spread of the bar in pips.
    verdict
        All bits of ``domain.ticks.Verdict`` that the ticks of the bar carry.
    """

    symbol: str
    ts_event_ns: int
    ts_recv_ns: int
    schema: str
    values: tuple[float | None, ...]
    ready: bool
    mid_close: float
    spread_mean_pips: float
    verdict: int
    v: int = 2


class Prediction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One model's view at one bar close: how likely is the mid to be higher one horizon later.

    Attributes
    ----------
    model, model_id
        Who answered and its exact identity. A role alone (``online``, ``xgboost``, ...) took part
        in the ensemble; ``xgboost@shadow``, ``@canary``, ``@champion`` and ``@before`` only
        watched; ``ensemble`` is the answer of all.
    horizon_ns
        How far ahead the prediction looks.
    p_up
        Probability of a higher mid, in [0, 1]; None when not ready.
    ready
        False while the model or its features are not warm.
    reason
        Why it is not ready; empty when it is.
    """

    symbol: str
    ts_event_ns: int
    ts_recv_ns: int
    model: str
    model_id: str
    horizon_ns: int
    p_up: float | None
    ready: bool
    reason: str = ""
    v: int = 1


class Vote(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What one member of the ensemble said at a decision; an array of four in JSON.

    Attributes
    ----------
    role, model_id
        Place in the ensemble, and exact identity of what answered there.
    p_up
        Its probability of a higher mid, in [0, 1]; None: it abstained.
    weight
        Share in the ensemble's answer, in [0, 1]; 0 where it abstained or there was no answer.
    """

    role: str
    model_id: str
    p_up: float | None
    weight: float


class Signal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The decision at one minute boundary of one symbol.

    One is written when a record of the symbol passes a minute boundary (for the latest boundary
    where it passes several), also when there is nothing to do: so a reader of this topic knows that
    all decisions up to ``ts_event_ns`` are in the log.

    Attributes
    ----------
    signal_id
        Function of model id, symbol, event time and rule (``domain.ids.signal_id``).
    ts_event_ns
        The minute boundary at which the decision is due.
    ts_recv_ns
        Receive time of the record that passed the boundary: the moment of the decision.
    side
        Position wanted: ``buy`` long, ``sell`` short, ``flat`` none.
    actionable
        False where there is no view (not ready, no bar): the position then stays as it is.
    strength
        ``|2 p_up - 1|`` in [0, 1]; 0 where there is no view.
    p_up
        Probability behind it, or None.
    bid, ask
        Last accepted quote before the boundary, or None where there was none.
    reason
        What made it: the rule's word, or why there is no view.
    verdict
        Bits of ``domain.ticks.Verdict`` of that quote: on a suspect one nothing new is risked.
    votes
        One of each member that was deployed, in the order of the roles; empty where no bar was
        there to ask about.
    threshold
        Distance of ``p_up`` from one half that opens a side.
    agreement
        Share of the weight that was on the side of ``p_up``, in [0, 1]; None without a view.
    schema
        Digest of the features that the members read.
    """

    signal_id: str
    symbol: str
    ts_event_ns: int
    ts_recv_ns: int
    model_id: str
    rule: str
    side: Side
    actionable: bool
    strength: float
    p_up: float | None
    bid: float | None
    ask: float | None
    reason: str
    verdict: int = 0
    votes: tuple[Vote, ...] = ()
    threshold: float = 0.0
    agreement: float | None = None
    schema: str = ""
    v: int = 3
