"""Every error of AIFX, named by the reaction that it calls for.

::

    AifxError
    ├── Halt            stop this process; a person or a restart must act
    │   ├── BadUse      the caller gave something wrong: one line, exit code 2
    │   └── Corrupt     stored state cannot be trusted: refuse to start
    ├── Reject          refuse this one order or request; go on
    ├── Retry           the same call may succeed later
    └── Drop            this one record is unusable: dead letter, count, go on
"""


class AifxError(Exception):
    """Root of all errors raised on purpose."""


class Halt(AifxError):  # noqa: N818 - named by its reaction
    """The process must stop: going on would risk money or data."""


class BadUse(Halt):
    """The caller gave something that cannot work; the message says what, and what to do."""


class Corrupt(Halt):
    """Stored state failed its check and is not used."""


class Reject(AifxError):  # noqa: N818 - named by its reaction
    """One order or request is refused; the process goes on."""


class Retry(AifxError):  # noqa: N818 - named by its reaction
    """The same call may succeed later."""


class Drop(AifxError):  # noqa: N818 - named by its reaction
    """One record cannot be used; it goes to the dead-letter topic and is counted."""
