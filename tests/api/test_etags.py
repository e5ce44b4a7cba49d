"""ETags: what is known is not sent again, and what somebody else has changed is not written over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.api.furnished import Furnished, furnished
from tests.builders import make_check
from tests.serving import Client, ServedApp

CONDITIONAL = "If-Match"


@pytest.fixture
def whole(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[Furnished]:
    with furnished(engine, database_url, tmp_path, served) as made:
        yield made


def test_what_is_known_is_not_sent_again(engine: Engine, client_as: Client) -> None:
    make_check(engine, "shop")
    viewer = client_as("viewer")
    for path in ("/api/v1/checks", "/api/v1/checks/shop"):
        first = viewer.get(path)
        tag = first.headers["ETag"]
        assert tag.startswith('W/"')
        assert first.headers["Cache-Control"] == "private, no-cache"
        for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            again = viewer.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        assert viewer.get(path, headers={"If-None-Match": '"other"'}).content == first.content
    known = {"If-None-Match": viewer.get("/api/v1/checks").headers["ETag"]}
    make_check(engine, "till")
    assert viewer.get("/api/v1/checks", headers=known).status_code == 200
    assert "ETag" not in viewer.get("/api/v1/checks/none").headers
    assert client_as(None).get("/api/v1/checks", headers=known).status_code == 401


def test_a_large_answer_keeps_its_etag_when_it_is_compressed(engine: Engine, client_as: Client) -> None:
    for number in range(9):
        make_check(engine, f"check-{number}")
    viewer = client_as("viewer")
    answer = viewer.get("/api/v1/checks")
    assert answer.headers["Content-Encoding"] == "gzip"
    plain = {"If-None-Match": answer.headers["ETag"], "Accept-Encoding": "identity"}
    again = viewer.get("/api/v1/checks", headers=plain)
    assert (again.status_code, again.content) == (304, b"")


def test_what_holds_a_secret_is_kept_by_nobody(whole: Furnished) -> None:
    admin = whole.client("admin", "admin")
    for path in ("/api/v1/checks/backup/ping-address", "/api/v1/oncall/calendars/schedule/primary"):
        answer = admin.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store"), path
        assert "ETag" not in answer.headers


def test_a_change_is_made_only_while_the_row_is_the_one_that_was_read(whole: Furnished) -> None:
    admin = whole.client("admin", "admin")
    window = {"matchers": ["a=b"], "comment": "x", "window": {"cron": "0 2 * * 0", "duration": "1h"}}
    assert admin.post("/api/v1/maintenance", json=window | {"name": "mine"}).status_code == 201
    silence = {"matchers": ["service=other"], "comment": "Longer.", "lasts_for": "3h"}
    changes = {
        f"/api/v1/silences/{whole.known['silence_id']}": ("PUT", "", silence),
        "/api/v1/maintenance/mine": ("PUT", "", window | {"comment": "y"}),
        "/api/v1/announcements/1": ("POST", "/updates", {"state": "monitoring", "message": "Better."}),
        "/api/v1/users/ada": ("PATCH", "", {"person": "alice"}),
    }
    for path, (method, below, body) in changes.items():
        read = admin.get(path).headers["ETag"]
        assert read.startswith('"')
        changed = admin.request(method, path + below, json=body, headers={CONDITIONAL: f'"other", {read}'})
        assert changed.status_code in (200, 201), changed.text
        present = admin.get(path).headers["ETag"]
        assert changed.headers["ETag"] == present != read
        lost = admin.request(method, path + below, json=body, headers={CONDITIONAL: read})
        assert (lost.status_code, lost.headers["Content-Type"]) == (412, "application/problem+json"), path
        assert present in lost.json()["detail"]
        weak = admin.request(method, path + below, json=body, headers={CONDITIONAL: f"W/{present}"})
        assert weak.status_code == 412  # a weak one does not say enough
        assert admin.get(path).headers["ETag"] == present
        if not path.startswith("/api/v1/users"):
            assert admin.delete(path, headers={CONDITIONAL: read}).status_code == 412
            assert admin.delete(path, headers={CONDITIONAL: present}).status_code in (200, 204)
    assert admin.patch("/api/v1/users/ada", json={"person": "bob"}, headers={CONDITIONAL: "*"}).status_code == 200
    assert admin.patch("/api/v1/users/none", json={}, headers={CONDITIONAL: "*"}).status_code == 404
