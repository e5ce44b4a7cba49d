"""What a token's role allows, tried on what is somebody else's; and texts that a browser must not take for more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from healthmgr.domain.links import APPROVALS, Claim, sign
from tests.api.furnished import Furnished, furnished
from tests.builders import make_incident
from tests.serving import SECRET_KEY, HttpClient, ServedApp

XSS = """<script>alert(1)</script><img src=x onerror=alert(1)>"'`{{7*7}}javascript:alert(1)"""


@pytest.fixture
def whole(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[Furnished]:
    with furnished(engine, database_url, tmp_path, served) as made:
        yield made


@pytest.mark.parametrize("answer", ["accept", "decline", "withdraw"])
def test_a_swap_is_answered_by_nobody_elses_token(answer: str, whole: Furnished) -> None:
    """alice asked bob: mallory is neither, and says that she is each of them."""
    mallory = whole.client("mallory", "responder")
    address = whole.fill("/api/v1/oncall/swaps/{swap_id}/answer")
    before = whole.rows()
    for by in ("", "alice", "bob"):
        assert mallory.post(address, json={"answer": answer, "by": by}).status_code == 403, by
    assert whole.rows() == before


def test_a_swap_is_accepted_by_the_one_who_was_asked_and_not_by_who_asks(whole: Furnished) -> None:
    address = whole.fill("/api/v1/oncall/swaps/{swap_id}/answer")
    assert whole.client("alice", "responder").post(address, json={"answer": "accept"}).status_code == 403
    assert whole.client("bob", "responder").post(address, json={"answer": "accept"}).status_code == 200


def test_nobody_proposes_or_overrides_in_anothers_name(whole: Furnished) -> None:
    mallory = whole.client("mallory", "responder")
    now = whole.healthmgr.now()
    begin, end = (now + timedelta(days=20)).isoformat(), (now + timedelta(days=21)).isoformat()
    swap = {"proposed_by": "alice", "proposed_to": "bob", "given_from": begin, "given_to": end}
    override = {"starts_at": begin, "ends_at": end, "add": "alice", "remove": "bob"}
    before = whole.rows()
    assert mallory.post("/api/v1/oncall/schedules/primary/swaps", json=swap).status_code == 403
    assert mallory.post("/api/v1/oncall/schedules/primary/overrides", json=override).status_code == 403
    assert mallory.delete(whole.fill("/api/v1/oncall/changes/{change_id}")).status_code == 403
    assert whole.rows() == before


def test_the_link_of_one_incident_answers_no_other_and_no_approval(whole: Furnished) -> None:
    """A link is signed with what it is about: neither another address nor another purpose makes more of it."""
    other = make_incident(whole.engine)
    claim = Claim(other, "alice", whole.healthmgr.now() + timedelta(days=1))
    nobody = HttpClient(whole.url)
    token = sign(claim, SECRET_KEY)
    assert nobody.post(f"/answer/{token}/acknowledge").status_code == 200
    acknowledged = whole.client("root", "admin").get("/api/v1/incidents").json()["items"]
    assert {each["id"] for each in acknowledged if each["state"] == "acknowledged"} <= {str(other)}
    for forged in (token[:-2], token + "x", sign(claim, "z" * 32), sign(claim, SECRET_KEY, APPROVALS)):
        assert nobody.post(f"/answer/{forged}/resolve").status_code in (403, 404, 410), forged
    assert whole.client("root", "admin").get(f"/api/v1/incidents/{other}").json()["state"] != "resolved"


def test_a_token_makes_no_other_and_revokes_none_unless_it_is_an_admins(whole: Furnished) -> None:
    for role in ("viewer", "responder", "ingest"):
        climber = whole.client(f"climbing-{role}", role)
        assert climber.post("/api/v1/tokens", json={"name": "mine", "role": "admin"}).status_code == 403
        assert (
            climber.post("/api/v1/users", json={"name": "m", "password": "x" * 20, "role": "admin"}).status_code == 403
        )
        assert climber.delete(f"/api/v1/tokens/climbing-{role}").status_code == 403
        assert climber.delete("/api/v1/tokens/spare").status_code == 403
    admin = whole.client("root", "admin")
    assert "mine" not in {each["name"] for each in admin.get("/api/v1/tokens").json()["items"]}
    assert admin.delete("/api/v1/tokens/root").status_code == 204
    assert admin.get("/api/v1/status").status_code == 401


def test_healthmgrs_own_incident_is_nobodys_to_act_on(whole: Furnished) -> None:
    """Number 0 is what it hangs its own messages on: a swap's, and the synthetic one's."""
    admin = whole.client("root", "admin")
    assert admin.get("/api/v1/incidents/0").status_code == 200
    before = whole.rows()
    for verb, body in (("escalate", {}), ("decline", {}), ("acknowledge", {}), ("tasks", {"title": "x"})):
        assert admin.post(f"/api/v1/incidents/0/{verb}", json=body).status_code == 404, verb
    assert whole.rows() == before


def test_markup_comes_back_as_the_text_that_it_was(whole: Furnished) -> None:
    admin = whole.client("root", "admin")
    incident = whole.fill("/api/v1/incidents/{which}")
    sent = {
        f"{incident}/comment": {"comment": XSS},
        f"{incident}/updates": {"text": XSS},
        f"{incident}/tasks": {"title": XSS, "assignee": XSS[:100]},
        "/api/v1/silences": {"matchers": ["service=nothing"], "comment": XSS, "created_by": XSS, "lasts_for": "1h"},
        "/api/v1/changes": {"title": XSS, "service": XSS[:50]},
        "/api/v1/announcements": {"title": XSS, "message": XSS},
    }
    for path, body in sent.items():
        answer = admin.post(path, json=body)
        assert answer.status_code in (200, 201), (path, answer.text)
    for path in (incident, "/api/v1/silences", "/api/v1/changes", "/api/v1/announcements"):
        answer = admin.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert XSS in _texts(answer.json()), path
    page = HttpClient(whole.url).get("/status")
    assert page.status_code == 200
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text
    assert "<img" not in page.text


def _texts(said: object) -> set[str]:
    if isinstance(said, dict):
        return {text for each in said.values() for text in _texts(each)}
    if isinstance(said, list):
        return {text for each in said for text in _texts(each)}
    return {said} if isinstance(said, str) else set()
