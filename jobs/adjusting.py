"""How a person's word on a position reaches an account at a broker."""

from domain.adjustments import PositionAdjustment, fault_of
from domain.errors import BadUse
from jobs.control import wait_for
from sources.adjustment_folder import AdjustmentFolder, Answer


def ask_adjustment(
    folder: AdjustmentFolder, asked: PositionAdjustment, patience_s: float
) -> Answer | None:
    """Put a request in, and return what became of it; None if nobody has answered in time.

    Raises
    ------
    BadUse
        If it cannot be meant so, or cannot be written.
    """
    fault = fault_of(asked)
    if fault:
        raise BadUse(fault)
    try:
        folder.put(asked)
    except OSError as error:
        msg = f"the request cannot be written to {folder.path}: {error.strerror}"
        raise BadUse(msg) from error
    return wait_for(lambda: folder.answer(asked), patience_s)
