"""A model switch as a record among the ticks: the same 72 bytes, at one place in each symbol's log.

The fields of a tick are used anew: ``symbol`` is the artefact id (32 hexadecimal digits are 16
bytes), ``source`` the place of the slot in ``SLOTS``, ``reserved`` that of the stage in ``STAGES``,
``ts_event_ns`` the first event time that it holds for, ``ts_recv_ns`` the ingest's receive clock,
``bid`` the share, ``seq`` its number in the feed. All else is zero.
"""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.deployments import IN_FLOW, SLOTS, STAGES, ModelSwitch
from domain.errors import BadUse, Drop
from domain.ticks import Kind, TickArray, new_records

IN_FLOW_BITS: Final = sum(1 << at for at, stage in enumerate(STAGES) if stage in IN_FLOW)
"""A bit for each place in ``STAGES`` whose stage a run takes notice of."""

_SWITCH: Final = int(Kind.SWITCH)
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NO_ID: Final = "0" * 32
_ID_BYTES: Final = slice(8, 24)
"""Where ``symbol`` lies in a record: numpy would strip the zero bytes at the end of an id."""


def switch_record(switch: ModelSwitch, recv_ns: int, number: int = 0) -> TickArray:
    """Return the one record that stands for a switch.

    Parameters
    ----------
    switch
        What changes.
    recv_ns
        The ingest's receive clock, nanoseconds UTC; 0 before the first tick.
    number
        Of the switch in its feed, from 1.

    Raises
    ------
    BadUse
        If it is none that a run could follow: an id, stage, share or time out of bounds.
    """
    fault = _fault(switch)
    if fault:
        msg = f"this switch cannot be written to the log: {fault}"
        raise BadUse(msg)
    record = new_records(1)
    record["kind"] = Kind.SWITCH
    record["source"] = SLOTS.index(switch.slot)
    record["reserved"] = STAGES.index(switch.stage)
    record["symbol"] = bytes.fromhex(switch.artefact_id)
    record["ts_event_ns"] = switch.effective_ns
    record["ts_recv_ns"] = recv_ns
    record["bid"] = switch.share
    record["seq"] = number
    return record


def switch_of(record: TickArray) -> ModelSwitch:
    """Read one record.

    Parameters
    ----------
    record
        Of ``TICK_DTYPE``, shape (1,).

    Raises
    ------
    Drop
        If it stands for no switch that a run could follow; the message says why.
    """
    kind, slot, stage = (int(record[name][0]) for name in ("kind", "source", "reserved"))
    fault = ""
    if kind != Kind.SWITCH:
        fault = f"kind {kind} is none"
    elif slot >= len(SLOTS):
        fault = f"slot {slot}; this reader knows slots 0 to {len(SLOTS) - 1}"
    elif stage >= len(STAGES):
        fault = f"stage {stage}; this reader knows stages 0 to {len(STAGES) - 1}"
    else:
        switch = ModelSwitch(
            slot=SLOTS[slot],
            artefact_id=record.tobytes()[_ID_BYTES].hex(),
            stage=STAGES[stage],
            effective_ns=int(record["ts_event_ns"][0]),
            share=float(record["bid"][0]),
        )
        fault = _fault(switch)
        if not fault:
            return switch
    msg = f"switch record: {fault}"
    raise Drop(msg)


def switch_rows(records: TickArray) -> NDArray[np.intp]:
    """Return where switches stand among records, ascending; mostly nowhere."""
    # A plain int, and no function around `nonzero`: a live batch of one record pays for either.
    rows: NDArray[np.intp] = (records["kind"] == _SWITCH).nonzero()[0]
    return rows


def without_switches(records: TickArray) -> TickArray:
    """Return records without switches: those given where there is none."""
    rows = switch_rows(records)
    return np.delete(records, rows) if rows.size else records


def _fault(switch: ModelSwitch) -> str:
    """Say in words what is wrong with a switch; empty for a good one."""
    if not _ID.fullmatch(switch.artefact_id) or switch.artefact_id == _NO_ID:
        return f"{switch.artefact_id!r} is no artefact id"
    if switch.stage not in IN_FLOW:
        return f"stage {switch.stage.value} is none that a run takes notice of"
    if not 0.0 < switch.share <= 1.0:
        return f"share {switch.share} is not in (0, 1]"
    if not 0 <= switch.effective_ns <= np.iinfo(np.int64).max:
        return f"effective_ns {switch.effective_ns} is no time since 1970"
    return ""
