"""Keyset paging: a cursor is the sort key of the last item that was read, sealed so that nobody builds on its form."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from healthmgr.errors import DefinitionError, Problem
from healthmgr.views import Page

MAX_LIMIT = 1000

Item = TypeVar("Item")
Row = TypeVar("Row")


def seal(*key: Any) -> str:
    """The cursor for a sort key of strings, numbers, instants and ids."""
    parts = [part if isinstance(part, str | int) else str(part) for part in key]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def unseal(cursor: str, *kinds: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The sort key of a cursor, each part read by its own function; raises DefinitionError for any other text."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if "\0" in "".join(part for part in parts if isinstance(part, str)):
            raise ValueError("no text here holds NUL")  # noqa: TRY301 - told below like every other fault
        return tuple(kind(part) for kind, part in zip(kinds, parts, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
        problem = Problem(
            f"{cursor!r} is not a cursor: use the `next_cursor` of the page before, unchanged", path="cursor"
        )
        raise DefinitionError([problem]) from error


def words(part: Any) -> str:
    """A text as a cursor holds it; raises TypeError for anything else."""
    if not isinstance(part, str):
        raise TypeError("no text")
    return part


def instant(written: str) -> datetime:
    """An instant as a cursor holds it, in UTC; raises ValueError for one without an offset."""
    at = datetime.fromisoformat(written)
    if at.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return at.astimezone(UTC)


def first_id(at: datetime) -> str:
    """The smallest UUIDv7 of a moment: ids are in the order of time, and have an index where times have none."""
    stamp = f"{int(at.timestamp() * 1000):012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-000000000000"


def bounded(limit: int) -> int:
    """The limit itself when it is 1 to 1000; raises DefinitionError otherwise."""
    if not 1 <= limit <= MAX_LIMIT:
        raise DefinitionError([Problem(f"{limit} is not a limit: use 1 to {MAX_LIMIT}", path="limit")])
    return limit


def one_of(value: str | None, allowed: Sequence[str], path: str) -> str | None:
    """The value itself when it is allowed or None; raises DefinitionError naming what is."""
    if value is not None and value not in allowed:
        raise DefinitionError([Problem(f"{value!r} is not known here: use one of {', '.join(allowed)}", path=path)])
    return value


def page(
    rows: Sequence[Row],
    limit: int,
    view: Callable[[Row], Item],
    key: Callable[[Row], str],
) -> Page[Item]:
    """A page of at most `limit` items from rows that were read with `limit + 1`."""
    cursor = key(rows[limit - 1]) if len(rows) > limit else None
    return Page(items=[view(row) for row in rows[:limit]], next_cursor=cursor)


@dataclass(frozen=True, slots=True)
class Order(Generic[Row]):
    """In which order a list is read: by a key of strings and numbers, each part read back by its own function."""

    key: Callable[[Row], tuple[Any, ...]]
    kinds: tuple[Callable[[Any], Any], ...]


def page_of(
    rows: Iterable[Row], order: Order[Row], view: Callable[[Row], Item], *, cursor: str | None, limit: int
) -> Page[Item]:
    """A page of a list that is at hand as a whole, for those that never grow long; raises DefinitionError."""
    ordered = sorted(rows, key=order.key)
    if cursor:
        after = unseal(cursor, *order.kinds)
        ordered = [row for row in ordered if order.key(row) > after]
    return page(ordered[: limit + 1], limit, view, lambda row: seal(*order.key(row)))
