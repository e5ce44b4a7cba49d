"""What looks ahead and traces back, put together."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from healthmgr.services.admitting import Admitting
from healthmgr.services.changing import Changing
from healthmgr.services.charting import Charting
from healthmgr.services.predicting import Predicting
from healthmgr.services.sensing import Sensing
from healthmgr.services.tracing import Tracing
from healthmgr.settings import Settings
from healthmgr.storage.changing_rows import ChangingRows
from healthmgr.storage.charting_rows import ChartingRows
from healthmgr.storage.predicting_rows import PredictingRows, SeriesMeasurements
from healthmgr.storage.reading_blast import BlastReading
from healthmgr.storage.sensing_rows import SensingRows
from healthmgr.storage.series import Series
from healthmgr.storage.tracing_rows import TracingRows
from healthmgr.storage.transactions import Transactions


@dataclass(frozen=True, slots=True)
class Insight:
    """The use cases of forecasts, of anomalies, of the graph of dependencies, and of causes."""

    predicting: Predicting
    sensing: Sensing
    charting: Charting
    tracing: Tracing
    changing: Changing
    blasts: BlastReading


def build_insight(engine: Engine, settings: Settings, series: Series, admitting: Admitting) -> Insight:
    """The parts over one database."""
    return Insight(
        predicting=Predicting(
            Transactions(engine, PredictingRows),
            SeriesMeasurements(series),
            admitting,
            is_on=settings.advanced.monitoring.predictive_monitoring,
        ),
        sensing=Sensing(Transactions(engine, SensingRows), is_on=settings.advanced.monitoring.anomaly_detection),
        charting=Charting(Transactions(engine, ChartingRows)),
        tracing=Tracing(Transactions(engine, TracingRows)),
        changing=Changing(Transactions(engine, ChangingRows)),
        blasts=BlastReading(engine),
    )
