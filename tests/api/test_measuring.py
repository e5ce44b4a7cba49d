"""Metrics over time, uptime, service levels and times, over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from healthmgr.domain.slo import Slo
from tests.api.conftest import Whole
from tests.builders import make_check
from tests.measuring.making import Made, store
from tests.serving import HttpClient

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def client(whole: Whole) -> HttpClient:
    """Somebody who reads; the shop was looked at each minute for two hours, and was down for the last twelve."""
    with whole.engine.begin() as connection:
        check_id = connection.execute(text("SELECT id FROM checks WHERE slug = 'shop'")).scalar_one()
        made = [
            Made(
                whole.now - MINUTE * n,
                took=0.1 if n > 12 else 0.9,
                status="healthy" if n > 12 else "unhealthy",
                metrics={"queued": n},
                sequence=1000 - n,
            )
            for n in range(1, 121)
        ]
        store(connection, check_id, *made)
        document = Slo("works", 0.99, timedelta(days=30), checks=("shop",)).to_document()
        connection.execute(
            text("INSERT INTO slos (name, document, managed_by, updated_at) VALUES ('works', :d, 'test', now())"),
            {"d": json.dumps(document)},
        )
    whole.healthmgr.measuring.rolling.roll(whole.healthmgr.now())
    return whole.client("viewer")


def get(client: HttpClient, path: str) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_metric_is_told_in_steps_with_quantiles(client: HttpClient, whole: Whole) -> None:
    found = get(client, "/checks/shop/metrics?step=30m")
    assert found["metrics"] == ["queued", "response_time"]
    assert found["summary"]["count"] == 120
    assert found["summary"]["max"] == 0.9
    assert found["summary"]["p50"] == pytest.approx(0.1, rel=0.01)
    assert found["summary"]["p95"] == pytest.approx(0.9, rel=0.01)
    assert sum(point["count"] for point in found["points"]) == 120
    since = (whole.now - HOUR).isoformat().replace("+00:00", "Z")
    queued = get(client, f"/checks/shop/metrics?metric=queued&from={since}&step=1m")
    assert 59 <= len(queued["points"]) <= 61
    assert queued["points"][-1]["mean"] == 1


def test_uptime_is_told_for_each_window(client: HttpClient) -> None:
    day, week = get(client, "/checks/shop/uptime?windows=24h,7d")
    assert (day["window"], week["window"]) == ("1d", "7d")
    assert day["uptime"] == pytest.approx(0.9)
    assert (day["healthy"], day["unhealthy"], day["down_for"]) == (108, 12, 720)
    (everybody,) = get(client, "/uptime?window=1h")
    assert everybody["check"] == "shop"
    assert get(client, "/uptime?service=other") == []


def test_the_uptime_of_a_service_is_that_of_its_checks_by_the_time_that_each_was_seen(
    client: HttpClient, whole: Whole
) -> None:
    other = make_check(whole.engine, "cart", service="web", interval=MINUTE)
    with whole.engine.begin() as connection:
        connection.execute(text("UPDATE checks SET service = 'web', interval = '1 min' WHERE slug = 'shop'"))
        store(connection, other, *(Made(whole.now - MINUTE * n, sequence=n) for n in range(1, 121)))
    whole.healthmgr.measuring.rolling.roll(whole.healthmgr.now())
    (web,) = get(client, "/uptime/services?window=1d")
    assert (web["service"], web["checks"], web["uptime"], web["down_for"]) == ("web", 2, pytest.approx(0.95), 720)


def test_service_levels_are_told_with_their_budgets(client: HttpClient) -> None:
    (found,) = get(client, "/slos")
    assert found == get(client, "/slos/works")
    assert (found["is_met"], found["level"]) == (False, pytest.approx(0.9))
    assert found["budget_left"] == pytest.approx(-9)
    assert [(one["factor"], one["long"], one["severity"]) for one in found["burning"]] == [
        (14.4, "1h", "high"),
        (6, "6h", "high"),
        (1, "3d", "low"),
    ]


def test_times_are_told_by_what_is_asked_for(client: HttpClient, whole: Whole) -> None:
    with whole.engine.begin() as connection:
        connection.execute(
            text("""UPDATE alerts SET started_at = opened_at - interval '25 s',
                    acknowledged_at = opened_at + interval '60 s', resolved_at = opened_at + interval '275 s'""")
        )
    (total,) = get(client, "/times")
    assert total == {
        "name": "total", "alerts": 1, "mttd": 25, "mtta": 60, "mttr": 300, "acknowledged": 1, "resolved": 1
    }  # fmt: skip
    assert [get(client, f"/times?by={by}")[0]["name"] for by in ("check", "service", "team")] == ["shop", "web", "-"]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/checks/nothing/metrics", 404, "There is no check"),
        ("/checks/shop/metrics?metric=colour", 404, "there is queued, response_time"),
        ("/checks/shop/metrics?from=2026-01-01T00:00:00", 422, "names no time zone"),
        ("/checks/shop/metrics?from=2999-01-01T00:00:00Z", 422, "from should be before to"),
        ("/checks/shop/metrics?step=soon", 422, "is not a duration"),
        ("/checks/shop/metrics?step=1s", 422, "a minute at least"),
        ("/checks/shop/uptime?windows=", 422, "such as 24h,7d,30d"),
        ("/slos/nothing", 404, "There is no service level"),
        ("/times?by=moon", 422, "by"),
    ],
)
def test_what_cannot_be_answered_is_said(client: HttpClient, path: str, status: int, said: str) -> None:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == status
    assert said in answer.text
