"""Bad requests to every endpoint that takes a body or a query: a clear 4xx, soon, and nothing changed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import build
from healthmgr.services.pinging import ping_key
from healthmgr.settings import Settings
from healthmgr.storage.tables import metadata
from tests.builders import make_alert, make_check, make_incident, make_result
from tests.serving import SECRET_KEY, HttpClient, ServedApp

GHOST = "0190b5a1-0000-7000-8000-000000000001"
JSON = "application/json"


@dataclass(frozen=True)
class Bad:
    """A request, the status it is answered with, and words that the answer has to hold."""

    method: str
    path: str
    status: int
    words: str
    body: bytes | str | None = None
    content_type: str = JSON


def pushing(body: bytes | str, words: str, status: int = 422, content_type: str = JSON) -> Bad:
    return Bad("POST", "/api/v1/checks/api/results", status, words, body, content_type)


def pinging(body: bytes | str, words: str, status: int = 422, content_type: str = JSON) -> Bad:
    return Bad("POST", "/api/v1/checks/backup/ping", status, words, body, content_type)


def token(body: bytes | str, words: str, status: int = 422, content_type: str = JSON) -> Bad:
    return Bad("POST", "/api/v1/tokens", status, words, body, content_type)


def saying(body: bytes | str, words: str, status: int = 422) -> Bad:
    return Bad("POST", "/api/v1/alerts/{alert}/acknowledge", status, words, body)


def asking(path: str, words: str, status: int = 422) -> Bad:
    return Bad("GET", path, status, words)


BAD = {
    # Results that are pushed.
    "no body": pushing("", "body"),
    "no JSON": pushing("status=healthy", "JSON"),
    "cut off": pushing('{"status": "hea', "JSON"),
    "a comma too much": pushing('{"status": "healthy",}', "JSON"),
    "two documents": pushing('{"status": "healthy"}{}', "JSON"),
    "a list": pushing("[]", "body"),
    "null": pushing("null", "body"),
    "a text": pushing('"healthy"', "body"),
    "nothing in it": pushing("{}", "body.status"),
    "an unknown status": pushing('{"status": "purple"}', "body.status"),
    "a status that is a number": pushing('{"status": 1}', "body.status"),
    "an unknown field": pushing('{"status": "healthy", "mesage": "x"}', "body.mesage"),
    "a message that is a number": pushing('{"status": "healthy", "message": 5}', "body.message"),
    "a message that is too long": pushing(json.dumps({"status": "healthy", "message": "x" * 10_001}), "body.message"),
    "a negative response time": pushing('{"status": "healthy", "response_time": -1}', "body.response_time"),
    "an endless response time": pushing('{"status": "healthy", "response_time": Infinity}', "body.response_time"),
    "a response time that is none": pushing('{"status": "healthy", "response_time": NaN}', "body.response_time"),
    "a huge response time": pushing('{"status": "healthy", "response_time": 1e400}', "body.response_time"),
    "a number of many digits": pushing('{"status": "healthy", "response_time": 1' + "0" * 5000 + "}", "digits", 400),
    "metrics that are a list": pushing('{"status": "healthy", "metrics": [1]}', "body.metrics"),
    "a metric that is a text": pushing('{"status": "healthy", "metrics": {"a": "b"}}', "body.metrics.a"),
    "a metric that is none": pushing('{"status": "healthy", "metrics": {"a": NaN}}', "body.metrics.a"),
    "too many metrics": pushing(
        json.dumps({"status": "healthy", "metrics": {str(n): n for n in range(201)}}), "body.metrics"
    ),
    "a metric named by NUL": pushing('{"status": "healthy", "metrics": {"a\\u0000": 1}}', "body.metrics"),
    "a metric named by half a character": pushing('{"status": "healthy", "metrics": {"\\ud800": 1}}', "body.metrics"),
    "a message of half a character": pushing('{"status": "healthy", "message": "\\ud800"}', "body.message"),
    "a field of half a character": pushing('{"status": "healthy", "\\ud800": 1}', "body"),
    "bytes that are no UTF-8": pushing(b'{"status": "healthy", "message": "\xff\xfe"}', "UTF-8", 400),
    "another type": pushing('{"status": "healthy"}', "application/json", content_type="text/plain"),
    "a form": pushing("status=healthy", "application/json", content_type="application/x-www-form-urlencoded"),
    "nested fifty thousand times": pushing('{"status": ' * 50_000, "nested", 400),
    "no such check": Bad("POST", "/api/v1/checks/ghost/results", 404, "ghost", '{"status": "healthy"}'),
    "a heartbeat": Bad("POST", "/api/v1/checks/backup/results", 409, "ping", '{"status": "healthy"}'),
    # Pings with a token.
    "a word that is no ping": pinging('{"kind": "ok"}', "body.kind"),
    "an exit status that is none": pinging('{"kind": 256}', "body.kind"),
    "an exit status with a fraction": pinging('{"kind": 1.5}', "body.kind"),
    "a run that is no UUID": pinging('{"run_id": "tuesday"}', "body.run_id"),
    "last words that are a list": pinging('{"detail": []}', "body.detail"),
    "too many last words": pinging(json.dumps({"detail": "x" * 10_001}), "body.detail"),
    "a ping with an unknown field": pinging('{"knd": "fail"}', "body.knd"),
    "last words of half a character": pinging('{"detail": "\\ud800"}', "body.detail"),
    "a ping for another kind": Bad("POST", "/api/v1/checks/api/ping", 409, "heartbeat", "{}"),
    # The door.
    "a run at the door": Bad("GET", "{door}?rid=tuesday", 422, "query.rid"),
    "a word at the door": Bad("GET", "{door}/maybe", 422, "kind"),
    "no key at the door": Bad("GET", "/ping/backup", 404, "/ping/SLUG/KEY"),
    "more than a word at the door": Bad("GET", "{door}/1/2", 404, "/ping/SLUG/KEY"),
    "a method at the door": Bad("DELETE", "{door}", 405, "GET"),
    # Tokens.
    "a token without a name": token('{"role": "viewer"}', "body.name"),
    "a token with an empty name": token('{"name": " ", "role": "viewer"}', "name"),
    "a token with a long name": token(json.dumps({"name": "x" * 101, "role": "viewer"}), "body.name"),
    "a token with NUL in its name": token('{"name": "a\\u0000b", "role": "viewer"}', "name"),
    "a token with half a character": token('{"name": "\\ud800", "role": "viewer"}', "name"),
    "a token with an unknown role": token('{"name": "x", "role": "king"}', "body.role"),
    "a token with an unknown field": token('{"name": "x", "role": "viewer", "expires": "2030-01-01"}', "body.expires"),
    "a token that expires never": token('{"name": "x", "role": "viewer", "expires_at": "never"}', "body.expires_at"),
    "a token that has expired": token(
        '{"name": "x", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}', "expires_at"
    ),
    "a token that expires at no place": token(
        '{"name": "x", "role": "viewer", "expires_at": "2030-01-01T00:00:00"}', "expires_at"
    ),
    "a token after all time": token('{"name": "x", "role": "viewer", "expires_at": 1e30}', "body.expires_at"),
    # What people say about alerts.
    "a comment that is too long": saying(json.dumps({"comment": "x" * 2001}), "body.comment"),
    "a comment with NUL": saying('{"comment": "a\\u0000b"}', "body.comment"),
    "a comment of half a character": saying('{"comment": "\\ud800"}', "body.comment"),
    "a comment that is a number": saying('{"comment": 5}', "body.comment"),
    "a comment under another name": saying('{"coment": "mine"}', "body.coment"),
    "an alert that is no UUID": Bad("POST", "/api/v1/alerts/7/acknowledge", 422, "path.alert_id", "{}"),
    "a reason with NUL": Bad("PUT", "/api/v1/alerts/{alert}/false", 422, "body.why", '{"why": "a\\u0000b"}'),
    "a person with NUL": Bad(
        "POST",
        "/api/v1/oncall/schedules/primary/overrides",
        422,
        "body.add",
        '{"add": "a\\u0000b", "ends_at": "2098-12-31T00:00:00Z"}',
    ),
    "no such alert": Bad("GET", f"/api/v1/alerts/{GHOST}", 404, "alert"),
    # Questions.
    "a limit of nothing": asking("/api/v1/checks?limit=0", "query.limit"),
    "a limit without end": asking("/api/v1/checks?limit=1001", "query.limit"),
    "a limit of many digits": asking("/api/v1/alerts?limit=" + "9" * 5000, "query.limit"),
    "a limit in words": asking("/api/v1/notifications?limit=many", "query.limit"),
    "an unknown status to ask for": asking("/api/v1/checks?status=purple", "query.status"),
    "an unknown state to ask for": asking("/api/v1/alerts?state=sad", "query.state"),
    "an unknown severity to ask for": asking("/api/v1/alerts?severity=urgent", "query.severity"),
    "an alert to ask for that is no UUID": asking("/api/v1/notifications?alert_id=7", "query.alert_id"),
    "a cursor that is nonsense": asking("/api/v1/checks?cursor=nonsense", "cursor"),
    "a cursor of another list": asking("/api/v1/alerts?cursor={cursor}", "cursor"),
    "a cursor of results that is not ours": asking("/api/v1/checks/api/results?cursor=WyJhIiwgMV0", "cursor"),
    "a cursor of odd bytes": asking("/api/v1/checks/api/transitions?cursor=%FF%FE", "cursor"),
    "NUL in a question": asking("/api/v1/checks?search=a%00b", "NUL", 400),
    "NUL in an address": asking("/api/v1/checks/a%00b", "NUL", 400),
    "a patience of nothing": Bad("POST", "/api/v1/checks/api/run-and-wait?timeout=0", 422, "query.timeout"),
    "a patience without end": Bad("POST", "/api/v1/checks/api/run-and-wait?timeout=inf", 422, "query.timeout"),
    "no such page": asking("/api/v1/cheks", "", 404),
    "a method that is not there": Bad("PUT", "/api/v1/checks/api", 405, ""),
}


@pytest.fixture
def admin(engine: Engine, database_url: str, served: ServedApp) -> Iterator[HttpClient]:
    """An admin's client of the whole: what is bad must not come through any service."""
    built = build(Settings(database_url=database_url, secret_key=SECRET_KEY), worker="test")
    served.app.state.parts = built
    client = HttpClient(served.url, built.tokens.ensure("admin-token", "admin", None, built.now()))
    yield client
    client.close()
    built.close()


def rows(engine: Engine) -> dict[str, Any]:
    """Every table's rows as a digest; tokens are left out, for tests make their own and each use is noted."""
    query = "SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t"
    names = [table.name for table in metadata.sorted_tables if "token" not in table.name]
    with engine.connect() as connection:
        found = {name: tuple(connection.execute(text(query.format(name))).one()) for name in names}
        count = text("SELECT count(*) FROM access_tokens")
        return {**found, "tokens": connection.execute(count).scalar_one()}


def test_there_are_at_least_forty_kinds() -> None:
    assert len(BAD) >= 40


@pytest.mark.parametrize("kind", BAD, ids=lambda kind: kind.replace(" ", "-"))
def test_a_bad_request_is_answered_with_what_is_wrong_and_changes_nothing(
    kind: str, engine: Engine, admin: HttpClient
) -> None:
    bad = BAD[kind]
    check = make_check(engine, "api")
    for number in range(2):
        make_result(engine, check, sequence=number + 1)
    make_check(engine, "zone")
    door = f"/ping/backup/{ping_key(SECRET_KEY, make_check(engine, 'backup', kind='heartbeat'))}"
    alert = make_alert(engine, check, incident_id=make_incident(engine))
    cursor = admin.get("/api/v1/checks?limit=1").json()["next_cursor"]
    before, began_at = rows(engine), time.monotonic()
    path = bad.path.format(door=door, alert=alert, cursor=cursor)
    headers = {"Content-Type": bad.content_type} if bad.body is not None else {}
    answer = admin.request(bad.method, path, data=bad.body, headers=headers)
    assert time.monotonic() - began_at < 3
    assert answer.status_code == bad.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == bad.status
    assert bad.words in said["detail"] or any(bad.words in fault["path"] for fault in said["problems"]), said
    assert rows(engine) == before
