"""A token bucket: so many at once, so many a minute in the long run. Exact, in integers."""

import msgspec

from domain.nanos import MINUTE_NS


class Bucket(msgspec.Struct, forbid_unknown_fields=True):
    """What is left in one bucket.

    Attributes
    ----------
    spent
        What has been taken and not come back, in 1/`MINUTE_NS` of a token: 0 is a full bucket.
    ts_ns
        When it was last looked at.
    """

    spent: int = 0
    ts_ns: int = 0

    def has_room(self, now_ns: int, per_min: int, burst: int) -> bool:
        """Say whether one more token is there; time that goes back brings none."""
        return self._spent(now_ns, per_min) + MINUTE_NS <= burst * MINUTE_NS

    def take(self, now_ns: int, per_min: int, burst: int) -> None:
        """Take a token, if need be one that is not there: no more than a full bucket is owed."""
        spent = self._spent(now_ns, per_min) + MINUTE_NS
        self.spent = min(spent, burst * MINUTE_NS)
        self.ts_ns = max(self.ts_ns, now_ns)

    def _spent(self, now_ns: int, per_min: int) -> int:
        # Tokens come back at per_min a minute: per_min units of 1/MINUTE_NS each nanosecond.
        return max(0, self.spent - max(0, now_ns - self.ts_ns) * per_min)
