"""Where the recorded ticks are that benchmarks play."""

import os
from pathlib import Path

from domain.errors import BadUse

_BESIDE = Path(__file__).parent.parent.parent / "shared" / "data"


def recorded_folder() -> Path:
    """Return the folder of recorded ticks: ``AIFX_DATA``, or that beside the project.

    Raises
    ------
    BadUse
        If there is none.
    """
    folder = Path(os.environ.get("AIFX_DATA", _BESIDE)) / "ticks"
    if not folder.is_dir():
        msg = f"no recorded ticks in {folder}; set AIFX_DATA to the folder that holds ticks/"
        raise BadUse(msg)
    return folder
