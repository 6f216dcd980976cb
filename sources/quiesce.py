"""An orderly stop: quiet sources, one durable snapshot, then out; nothing is replayed after it."""

from threading import Event

from bytewax.inputs import AbortExecution


class Quiesce:
    """Asked by a signal handler, obeyed by every source partition of the process.

    ``stop`` leaves the flow as it is, to be resumed at the exact offset. ``drain`` ends the feed:
    the end of the stream then runs through all dataflows, and each finishes by itself.
    """

    def __init__(self) -> None:
        self._stop = Event()
        self._drain = Event()

    def stop(self) -> None:
        """Ask for an orderly stop."""
        self._stop.set()

    def drain(self) -> None:
        """Ask the feed to end here."""
        self._drain.set()

    @property
    def stopping(self) -> bool:
        """True once a stop was asked for."""
        return self._stop.is_set()

    @property
    def draining(self) -> bool:
        """True once the feed was asked to end."""
        return self._drain.is_set()


class QuietPartition:
    """The part of a source partition that obeys `Quiesce`.

    A partition that has gone quiet waits for one snapshot. The engine calls ``next_batch`` again
    only when the epoch of that snapshot is durable: then it is safe to leave.
    """

    def __init__(self, quiesce: Quiesce) -> None:
        self._quiesce = quiesce
        self._quiet = False
        self._saved = False

    def must_be_quiet(self) -> bool:
        """Say whether nothing may be emitted any more.

        Raises
        ------
        AbortExecution
            When everything emitted before is durable: the flow ends here.
        """
        if not self._quiesce.stopping:
            return False
        if self._saved:
            raise AbortExecution
        self._quiet = True
        return True

    def on_snapshot(self) -> None:
        """Note that a snapshot is being taken."""
        self._saved = self._quiet
