"""Moments as nobody writes them by hand: PostgreSQL takes no offset of 16 hours or more, and the calendar has ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from healthmgr.storage.paging import seal
from tests.api.furnished import Furnished, furnished
from tests.serving import ServedApp

FAR_EAST, BEHIND_THE_LAST = "2036-08-05T10:27:51+21:55", "9999-12-31T23:00:00-12:00"
BEFORE_THE_FIRST = "0001-01-01T00:00:00+05:00"


@pytest.fixture
def whole(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[Furnished]:
    with furnished(engine, database_url, tmp_path, served) as made:
        yield made


def test_an_offset_is_of_the_moment_and_not_kept(whole: Furnished) -> None:
    admin = whole.client("root", "admin")
    silence = {"matchers": ["service=nothing"], "comment": "Moving.", "ends_at": FAR_EAST}
    assert admin.post("/api/v1/silences", json=silence).json()["ends_at"] == "2036-08-04T12:32:51Z"
    token = {"name": "east", "role": "viewer", "expires_at": FAR_EAST}
    assert admin.post("/api/v1/tokens", json=token).status_code == 201
    (made,) = (one for one in admin.get("/api/v1/tokens").json()["items"] if one["name"] == "east")
    assert made["expires_at"] == "2036-08-04T12:32:51Z"
    assert admin.get("/api/v1/audit", params={"to": FAR_EAST}).json()["items"]
    assert admin.get("/api/v1/checks/shop/metrics", params={"metric": "x", "from": FAR_EAST}).status_code in (404, 422)


@pytest.mark.parametrize("moment", [BEHIND_THE_LAST, BEFORE_THE_FIRST])
def test_what_lies_beyond_the_calendar_is_refused(whole: Furnished, moment: str) -> None:
    admin = whole.client("root", "admin")
    silence = {"matchers": ["service=nothing"], "comment": "Moving.", "ends_at": moment}
    assert admin.post("/api/v1/silences", json=silence).status_code == 422
    assert admin.get("/api/v1/audit", params={"to": moment}).status_code == 422
    answer = admin.get("/api/v1/checks/shop/metrics", params={"metric": "response_time", "from": moment})
    assert answer.status_code == 422


@pytest.mark.parametrize("address", ["alerts", "incidents", "audit", "checks/shop/transitions"])
def test_a_cursor_that_somebody_made_does_no_harm(whole: Furnished, address: str) -> None:
    admin = whole.client("root", "admin")
    for moment in (FAR_EAST, BEHIND_THE_LAST, BEFORE_THE_FIRST, "2026-01-01T00:00:00"):
        cursor = seal(moment, whole.known["alert_id"])
        assert admin.get(f"/api/v1/{address}", params={"cursor": cursor}).status_code in (200, 422), moment
