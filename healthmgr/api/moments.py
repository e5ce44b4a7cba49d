"""Moments that requests name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def in_utc(at: datetime) -> datetime:
    """The same moment in UTC, for PostgreSQL takes no offset of 16 hours or more.

    Raises ValueError for one that lies before the first or behind the last year there.
    """
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("has to lie between the years 1 and 9999 in UTC") from error


Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
