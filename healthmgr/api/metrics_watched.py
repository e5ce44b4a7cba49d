"""Prometheus metrics of what is watched: a series for each check and service level, as many as may be.

They have an address of their own, so that the metrics of healthmgr itself stay few however much is watched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from healthmgr.api.metrics_telling import gauge, plain
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Viewer
from healthmgr.domain.check import Status
from healthmgr.storage.reading_watched import Watched

router = APIRouter(tags=["health"])

_CHECK = ("check", "service")
_STATES = tuple(status.value for status in Status)


class WatchedCollector:
    """Metrics of one moment."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        """Every family, also where there is no sample."""
        checks, slos = self._watched.checks, self._watched.slos
        yield gauge(
            "check_state",
            "1 for the state that the check is in; none of them while it is paused.",
            (*_CHECK, "state"),
            (((c.slug, c.service, state), float(c.status == state)) for c in checks for state in _STATES),
        )
        yield gauge(
            "check_response_seconds",
            "How long the check's last look took.",
            _CHECK,
            (((c.slug, c.service), c.response_time) for c in checks if c.response_time is not None),
        )
        yield gauge(
            "check_flapping",
            "1 while the check changes its state too often to be believed.",
            _CHECK,
            (((c.slug, c.service), float(c.is_flapping)) for c in checks),
        )
        yield plain("checks_left_out", "Checks that there was no room for here.", self._watched.checks_left_out)
        yield gauge(
            "slo_objective",
            "The share that has to be good.",
            ("slo",),
            (((s.name,), s.document["objective"]) for s in slos),
        )
        for name, said in (
            ("level", "The share that was good over the window of the service level."),
            ("budget_left", "What is left of the error budget: 1 is all, below 0 more is gone than there was."),
        ):
            yield gauge(
                f"slo_{name}",
                said,
                ("slo",),
                (((s.name,), s.standing[name]) for s in slos if s.standing[name] is not None),
            )
        yield gauge(
            "slo_burn_rate",
            "How many times too fast the error budget is used up over the window.",
            ("slo", "window"),
            (((s.name, w), rate) for s in slos for w, rate in s.standing["rates"].items() if rate is not None),
        )
        yield plain("slos_left_out", "Service levels that there was no room for here.", self._watched.slos_left_out)


_SHOWN: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/plain": {"example": 'healthmgr_check_state{check="shop",service="shop",state="healthy"} 1.0\n'}
        }
    }
}


@router.get(
    "/metrics/checks",
    summary="Metrics of what is watched, for Prometheus",
    response_class=PlainTextResponse,
    responses=_SHOWN,
)
def metrics_of_checks(request: Request, parts: PartsDep, _: Viewer) -> PlainTextResponse:
    """A series for each check and service level, at most 1000 and 200: of more, those that are worst."""
    registry = CollectorRegistry()
    registry.register(WatchedCollector(parts.measuring.watched.watched()))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return PlainTextResponse(encode(registry), headers={"content-type": content_type})
