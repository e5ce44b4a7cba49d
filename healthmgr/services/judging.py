"""What somebody demands of a row before they let it be changed: that it is as they saw it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Row = TypeVar("Row")
Judge = Callable[[Row], None]  # asked in the transaction that has locked the row; raises Stale


def no_demand(_row: object) -> None:
    """Whatever it is like."""
