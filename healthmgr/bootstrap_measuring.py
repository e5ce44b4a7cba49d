"""What is about metrics over time, put together."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from healthmgr.domain.rollup import Kept
from healthmgr.services.admitting import Admitting
from healthmgr.services.rolling import Rolling
from healthmgr.services.upholding import Upholding
from healthmgr.settings import Settings
from healthmgr.storage.day_tables import DayTables
from healthmgr.storage.reading_measuring import MeasuringReading
from healthmgr.storage.reading_watched import WatchedReading
from healthmgr.storage.rolling_rows import RollingRows
from healthmgr.storage.series import Series
from healthmgr.storage.transactions import Transactions
from healthmgr.storage.upholding_rows import UpholdingRows


@dataclass(frozen=True, slots=True)
class Measuring:
    """The use cases of metrics over time."""

    rolling: Rolling
    series: Series
    upholding: Upholding
    reading: MeasuringReading
    watched: WatchedReading


def build_measuring(engine: Engine, settings: Settings, admitting: Admitting) -> Measuring:
    """The parts over one database."""
    monitoring = settings.advanced.monitoring
    kept = Kept(monitoring.minutes_for, monitoring.hours_for, monitoring.days_for)
    rolling = Rolling(
        Transactions(engine, RollingRows), DayTables(engine, "metric_minutes", "at"), kept, settings.retention
    )
    upholding = Upholding(Transactions(engine, lambda connection: UpholdingRows(connection, kept)), admitting)
    series = Series(engine, kept)
    return Measuring(
        rolling=rolling,
        series=series,
        upholding=upholding,
        reading=MeasuringReading(engine, series),
        watched=WatchedReading(engine),
    )
