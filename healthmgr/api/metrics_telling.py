"""Metrics of telling: how long it takes, what may have arrived twice, and the synthetic notification."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from healthmgr.domain.delivery_time import DeliverySeries, Percentiles
from healthmgr.domain.synthetic import Trials
from healthmgr.storage.reading_metrics import Numbers

_SERIES = ("over", "kind", "severity", "channel_kind")


def gauge(name: str, said: str, labels: Iterable[str], samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """A family of gauges with a sample for each of these label values."""
    family = GaugeMetricFamily(f"healthmgr_{name}", said, labels=tuple(labels))
    for values, number in samples:
        family.add_metric(values, number)
    return family


def plain(name: str, said: str, number: float | None) -> Metric:
    """A gauge without labels; without a sample where there is no number."""
    return gauge(name, said, (), () if number is None else [((), number)])


def of_telling(found: Numbers, is_idempotent: Callable[[str], bool], now: datetime) -> Iterator[Metric]:
    """Every family, also where there is no sample yet.

    Quantiles are of the rows of a window, not of a process since its start: they are gauges, and no summary.
    """
    yield gauge(
        "notifications_sent",
        "Notifications that providers accepted within the window.",
        _SERIES,
        ((_labels(each), each.notifications) for each in found.delivery),
    )
    yield gauge(
        "delivery_seconds",
        "From the start of the probe that found a problem to a provider's acceptance.",
        (*_SERIES, "quantile"),
        _quantiles(found.delivery, lambda each: each.from_problem),
    )
    yield gauge(
        "sending_seconds",
        "From the decision to tell something to a provider's acceptance.",
        (*_SERIES, "quantile"),
        _quantiles(found.delivery, lambda each: each.from_decision),
    )
    duplicates = CounterMetricFamily(
        "healthmgr_possible_duplicates",
        "Attempts that followed one that may have arrived; where the provider takes a key, it drops the second.",
        labels=("channel_kind", "is_idempotent"),
    )
    for kind, count in sorted(found.possible_duplicates.items()):
        duplicates.add_metric((kind, str(is_idempotent(kind)).lower()), count)
    yield duplicates
    yield from _of_trials(found.trials, now)


def _of_trials(trials: Trials | None, now: datetime) -> Iterator[Metric]:
    sent_at = trials.sent_at if trials else None
    took = trials.took if trials else None
    age = max((now - sent_at).total_seconds(), 0.0) if sent_at else None
    yield plain("synthetic_notification_age_seconds", "Since the last synthetic notification was accepted.", age)
    yield plain(
        "synthetic_notification_seconds",
        "How long the last synthetic notification took from its alert to a provider's acceptance.",
        took.total_seconds() if took is not None else None,
    )
    lost = float(trials.lost) if trials else None
    yield plain("synthetic_notifications_lost", "Synthetic notifications given up since one arrived.", lost)


def _quantiles(
    series: Sequence[DeliverySeries], choose: Callable[[DeliverySeries], Percentiles | None]
) -> Iterator[tuple[tuple[str, ...], float]]:
    for each in series:
        percentiles = choose(each)
        if percentiles is not None:
            for share, seconds in percentiles.by_share():
                yield (*_labels(each), f"{share:g}"), seconds


def _labels(series: DeliverySeries) -> tuple[str, ...]:
    hours = f"{series.over.total_seconds() / 3600:g}h"
    return hours, series.kind, series.severity, series.channel_kind
