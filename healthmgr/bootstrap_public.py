"""What everybody may read, put together."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from healthmgr.services.announcing import Announcing
from healthmgr.storage.announcing_rows import AnnouncingRows
from healthmgr.storage.reading_public import PublicReading
from healthmgr.storage.series import Series
from healthmgr.storage.transactions import Transactions


@dataclass(frozen=True, slots=True)
class Public:
    """The use cases of the status page."""

    reading: PublicReading
    announcing: Announcing


def build_public(engine: Engine, series: Series) -> Public:
    """The parts over one database."""
    return Public(PublicReading(engine, series), Announcing(Transactions(engine, AnnouncingRows)))
