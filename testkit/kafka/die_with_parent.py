"""Run a command that the kernel kills when the process that asked for it is gone.

Belongs here: the few lines between fork and exec. Does not belong here: anything that needs an
import from outside the standard library, because this file is run by its path, alone.

Run as ``python -I -S die_with_parent.py PARENT_PID COMMAND...``. It asks the kernel for a SIGKILL
at the parent's death (``prctl(2)``, ``PR_SET_PDEATHSIG``) and becomes the command; the request
outlives ``exec``. A launcher, and no ``preexec_fn``: that one runs Python between fork and exec,
which the standard library documents as unsafe in a process with threads, and Kafka clients start
threads.

The kernel's "parent" is the *thread* that started the child: start a broker from a thread that
lives as long as the broker is wanted. Where there is no ``prctl`` the command simply runs.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1


def wrap(command: Sequence[str]) -> list[str]:
    """Give the command line that runs a command bound to this process's life.

    Parameters
    ----------
    command
        The program and its arguments.

    Returns
    -------
    list of str
        What to start instead; it keeps its process id when it becomes the command.
    """
    launcher = str(Path(__file__).resolve())
    return [sys.executable, "-I", "-S", launcher, str(os.getpid()), *command]


def main(arguments: Sequence[str]) -> None:
    """Bind this process to its parent's life and become the command.

    Parameters
    ----------
    arguments
        The parent's process id, then the command.
    """
    parent_pid, *command = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        # The parent may have died before the request was made: then no signal ever comes.
        if os.getppid() != int(parent_pid):
            sys.exit("the process that asked for this command is gone")
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
