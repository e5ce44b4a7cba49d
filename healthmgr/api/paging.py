"""How lists that never grow long are asked for page by page, and in which order they are read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query

from healthmgr.domain.maintenance_window import MaintenanceWindow
from healthmgr.domain.silence import Silence, place
from healthmgr.services.users import User
from healthmgr.storage.paging import Order, instant, unseal, words
from healthmgr.views import TokenView
from healthmgr.views_access import SessionView

MANY = 500
Many = Annotated[int, Query(ge=1, le=1000, description="How many items at most.")]

WINDOWS: Order[MaintenanceWindow] = Order(lambda window: (window.name,), (words,))
TOKENS: Order[TokenView] = Order(lambda token: (token.name,), (words,))
USERS: Order[User] = Order(lambda user: (user.name,), (words,))
SESSIONS: Order[SessionView] = Order(lambda session: (-session.begun_at.timestamp(), str(session.id)), (float, words))


def silences_at(cursor: str | None, now: datetime) -> tuple[Order[Silence], datetime]:
    """The order of silences, and the instant at which their states are judged for it.

    It is that of the first page, for all of them: one that begins to hold between two pages would be missed, for it
    moves to the front. Raises DefinitionError for what is no cursor.
    """
    at = unseal(cursor, instant, *_PLACE)[0] if cursor else now
    return Order(lambda one: (at.isoformat(), *place(one, at)), (_same_instant, *_PLACE)), at


def number_before(cursor: str | None) -> int | None:
    """The number that the page before ended with, of a list by numbers that fall; raises DefinitionError."""
    return unseal(cursor, number)[0] if cursor else None


_PLACE = (int, int, words)


def number(part: object) -> int:
    """The number of something, as a cursor holds it; raises ValueError."""
    if not isinstance(part, int) or not 0 <= part < 10**18:
        raise ValueError("no number of anything")
    return part


def _same_instant(written: str) -> str:
    return instant(written).isoformat()
