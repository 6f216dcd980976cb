"""Signals: what to hold, decided at a minute boundary from the ensemble's probability.

Rule ``edge-hold``: with an edge of at least ``min_edge`` beyond one half, hold that side; without
one, keep the side until the horizon of the last prediction that asked for it has passed, then flat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import Corrupt
from domain.ids import signal_id
from domain.predictions import Side, Signal

RULE = "edge-hold"
STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class SignalConfig:
    """Settings of the signal step.

    Attributes
    ----------
    model_id
        Identity of the ensemble that gives the probabilities.
    horizon_ns
        Horizon of its predictions (> 0).
    min_edge
        How far from one half a probability must be to open a side, in (0, 0.5).
    """

    model_id: str
    horizon_ns: int
    min_edge: float = 0.04

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
        p_up: float | None,
        reason: str,
        verdict: int = 0,
    ) -> Signal:
        """Return the decision of one boundary.

        Parameters
        ----------
        ts_event_ns, ts_recv_ns
            The boundary, and the receive time of the record that passed it.
        quote
            Last accepted (bid, ask), if any.
        p_up
            The ensemble's probability in [0, 1], or None where there is no view.
        reason
            Why there is no view; read only where ``p_up`` is None.
        verdict
            Bits of ``domain.ticks.Verdict`` of the quote.
        """
        moment = (ts_event_ns, ts_recv_ns, quote, verdict)
        if p_up is None:
            return self._signal(moment, None, reason, actionable=False)
        edge = p_up - 0.5
        if abs(edge) >= self._config.min_edge:
            self._side = "buy" if edge > 0.0 else "sell"
            self._asked_ns = ts_event_ns
            why = "edge"
        elif self._side != "flat" and ts_event_ns - self._asked_ns >= self._config.horizon_ns:
            self._side = "flat"
            why = "horizon_passed"
        else:
            why = "no_edge" if self._side == "flat" else "hold"
        return self._signal(moment, p_up, why, actionable=True)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {"v": STATE_VERSION, "side": self._side, "asked_ns": self._asked_ns}

    def _signal(
        self,
        moment: tuple[int, int, tuple[float, float] | None, int],
        p_up: float | None,
        reason: str,
        *,
        actionable: bool,
    ) -> Signal:
        ts_event_ns, ts_recv_ns, quote, verdict = moment
        bid, ask = quote if quote is not None else (None, None)
        return Signal(
            signal_id=signal_id(self._config.model_id, self._symbol, ts_event_ns, RULE),
            symbol=self._symbol,
            ts_event_ns=ts_event_ns,
            ts_recv_ns=ts_recv_ns,
            model_id=self._config.model_id,
            rule=RULE,
            side=self._side,
            actionable=actionable,
            strength=0.0 if p_up is None else abs(2.0 * p_up - 1.0),
            p_up=p_up,
            bid=bid,
            ask=ask,
            reason=reason,
            verdict=verdict,
        )
