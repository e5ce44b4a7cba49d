"""What installed packages offer, by the groups of their entry points."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import EntryPoints, entry_points


def offered(group: str) -> EntryPoints:
    """The entry points of a group. Every package's folder is read once, not for each group and each time."""
    return _selecting(tuple(sys.path))(group=group)


@lru_cache(maxsize=1)
def _selecting(_path: tuple[str, ...]) -> Callable[..., EntryPoints]:
    return entry_points().select
