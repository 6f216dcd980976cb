"""Signals: what to hold, decided at a minute boundary from the ensemble's probability.

Rule ``edge-hold``: with an edge of at least ``min_edge`` beyond one half, on which the members
agree, hold that side; without one, keep the side until the horizon of the last prediction that
asked for it has passed, then flat. Where the accuracy gate is closed every view wants flat:
positions may be reduced, nothing new is risked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from domain.ids import signal_id
from domain.predictions import Side, Signal, Vote

RULE = "edge-hold"
STATE_VERSION = 1


class View(NamedTuple):
    """What the ensemble thinks at a boundary.

    Attributes
    ----------
    model_id
        Its identity.
    p_up
        Probability in [0, 1]; None where there is no view.
    reason
        Why there is none; read only then.
    votes
        Of its members.
    agreement
        Share of the weight on its side; None without a view.
    agrees
        Whether that is enough to open a side.
    may_risk
        Whether the accuracy gate is open.
    """

    model_id: str
    p_up: float | None
    reason: str
    votes: tuple[Vote, ...] = ()
    agreement: float | None = None
    agrees: bool = True
    may_risk: bool = True


@dataclass(frozen=True, slots=True)
class SignalConfig:
    """Settings of the signal step.

    Parameters
    ----------
    schema
        Digest of the features behind the probabilities.
    horizon_ns
        Horizon of the predictions (> 0).
    min_edge
        How far from one half a probability must be to open a side, in (0, 0.5).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    schema: str
    horizon_ns: int
    min_edge: float = 0.04

    def __post_init__(self) -> None:
        if self.horizon_ns <= 0 or not 0 < self.min_edge < 0.5:
            msg = f"signals need horizon_ns > 0 and min_edge in (0, 0.5): {self}"
            raise BadUse(msg)

    def asks(self, p_up: NDArray[np.float64], agrees: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return where a probability asks for a side, shape (n,); NaN does not."""
        found: NDArray[np.bool_] = agrees & (np.abs(p_up - 0.5) >= self.min_edge)
        return found

    def build(self, symbol: str, resume_state: Mapping[str, Any] | None) -> "SignalLogic":
        """Return the logic for one symbol, anew or as it was."""
        return SignalLogic(self, symbol, resume_state)


class SignalLogic:
    """Turns one symbol's probabilities into wanted sides."""

    def __init__(
        self, config: SignalConfig, symbol: str, resume_state: Mapping[str, Any] | None
    ) -> None:
        self._config = config
        self._symbol = symbol
        self._side: Side = "flat"
        self._asked_ns = 0
        if resume_state is not None:
            if resume_state["v"] != STATE_VERSION:
                msg = f"signal state v{resume_state['v']}; this code knows v{STATE_VERSION}"
                raise Corrupt(msg)
            self._side = resume_state["side"]
            self._asked_ns = resume_state["asked_ns"]

    def decide(
        self,
        ts_event_ns: int,
        ts_recv_ns: int,
        quote: tuple[float, float] | None,
        view: View,
        verdict: int = 0,
    ) -> Signal:
        """Return the decision of one boundary.

        Parameters
        ----------
        ts_event_ns, ts_recv_ns
            The boundary, and the receive time of the record that passed it.
        quote
            Last accepted (bid, ask), if any.
        view
            What the ensemble thinks.
        verdict
            Bits of ``domain.ticks.Verdict`` of the quote.
        """
        why = view.reason if view.p_up is None else self._move(ts_event_ns, view.p_up, view)
        bid, ask = quote if quote is not None else (None, None)
        return Signal(
            signal_id=signal_id(view.model_id, self._symbol, ts_event_ns, RULE),
            symbol=self._symbol,
            ts_event_ns=ts_event_ns,
            ts_recv_ns=ts_recv_ns,
            model_id=view.model_id,
            rule=RULE,
            side=self._side,
            actionable=view.p_up is not None,
            strength=0.0 if view.p_up is None else abs(2.0 * view.p_up - 1.0),
            p_up=view.p_up,
            bid=bid,
            ask=ask,
            reason=why,
            verdict=verdict,
            votes=view.votes,
            threshold=self._config.min_edge,
            agreement=view.agreement,
            schema=self._config.schema,
        )

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {"v": STATE_VERSION, "side": self._side, "asked_ns": self._asked_ns}

    def _move(self, ts_event_ns: int, p_up: float, view: View) -> str:
        """Take the side that a view asks for; return why it is that one."""
        edge = abs(p_up - 0.5) >= self._config.min_edge
        if not view.may_risk:
            self._side = "flat"
            return "accuracy_below_floor"
        if edge and view.agrees:
            self._side = "buy" if p_up > 0.5 else "sell"
            self._asked_ns = ts_event_ns
            return "edge"
        if self._side == "flat":
            return "no_agreement" if edge else "no_edge"
        if ts_event_ns - self._asked_ns >= self._config.horizon_ns:
            self._side = "flat"
            return "horizon_passed"
        return "hold"
