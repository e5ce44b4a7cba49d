"""Anomalies on the API: what is watched, its points for drawing, what was told."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from tests.builders import NOW, make_check
from tests.serving import Client
from tests.watching import STEP, WORDS, make_watched


def test_what_is_watched_is_listed_with_its_last_point(client_as: Client, engine: Engine) -> None:
    make_watched(engine, NOW)
    client = client_as("viewer")
    (shown,) = client.get("/api/v1/anomalies").json()["items"]
    assert (shown["check"], shown["metric"], shown["step"], shown["severity"]) == (
        "shop",
        "response_time",
        300.0,
        "medium",
    )
    assert (shown["latest"]["value"], shown["latest"]["score"], shown["latest"]["expected"]) == (
        0.812,
        12.346,
        [0.12, 0.18],
    )
    assert shown["words"] == WORDS
    assert len(client.get("/api/v1/anomalies?strange=true").json()["items"]) == 1


def test_the_points_of_a_check_come_with_score_band_and_marks(client_as: Client, engine: Engine) -> None:
    alert_id = make_watched(engine, NOW)
    client = client_as("viewer")
    since, until = NOW - 10 * STEP, NOW - 2 * STEP
    window = {"metric": "response_time", "from": since.isoformat(), "to": until.isoformat()}
    (shown,) = client.get("/api/v1/checks/shop/anomalies", params=window).json()["items"]
    series = shown["series"]
    assert len(series) == 8
    assert [point["is_strange"] for point in series] == [False] * 7 + [True]
    assert [point["lesson"] for point in series][-2:] == ["maintenance", "learned"]
    assert all(0.119 < point["expected"][0] < 0.121 for point in series)
    (happening,) = shown["happenings"]
    assert (happening["alert_id"], happening["words"], happening["ended_at"]) == (alert_id, WORDS, None)
    whole = {"from": (NOW - timedelta(days=1)).isoformat(), "to": NOW.isoformat()}
    (shown,) = client.get("/api/v1/checks/shop/anomalies", params=whole).json()["items"]
    assert len(shown["series"]) == 100


def test_what_is_not_watched_is_said(client_as: Client, engine: Engine) -> None:
    make_watched(engine, NOW)
    make_check(engine, "lone")
    client = client_as("viewer")
    assert client.get("/api/v1/checks/lone/anomalies").json()["items"] == []
    missing = client.get("/api/v1/checks/shop/anomalies?metric=load")
    assert missing.status_code == 404
    assert "those that are: response_time" in missing.json()["detail"]
    assert client.get("/api/v1/checks/nowhere/anomalies").status_code == 404
    assert client.get("/api/v1/checks/shop/anomalies?from=yesterday").status_code == 422
    assert client_as(None).get("/api/v1/anomalies").status_code == 401
