"""A clock that moves only when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Fills in the port Clock. Starts at noon of 2 March 2026, in UTC, unless told otherwise."""

    def __init__(self, at: datetime = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)) -> None:
        if at.tzinfo is None:
            raise ValueError(f"{at.isoformat()} has no time zone: times here are aware, in UTC")
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """The instant at which it stands, aware and UTC."""
        return self._at

    def advance(self, by: timedelta) -> datetime:
        """Move on, and give the new instant; raises ValueError for a step back, which no clock here takes."""
        if by < timedelta():
            raise ValueError("a clock does not go back: make another FakeClock")
        self._at += by
        return self._at
