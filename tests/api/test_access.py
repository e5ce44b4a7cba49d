"""Users, sessions and scopes over HTTP: who may what, and that nobody gets at more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from healthmgr.domain.password import hashed, is_outdated, is_right
from tests.api.conftest import Whole
from tests.serving import HttpClient

PASSWORD = "four plain words here"
USERS = "/api/v1/users"


@pytest.fixture
def admin(whole: Whole) -> Iterator[HttpClient]:
    client = whole.client("admin")
    yield client
    client.close()


def add(admin: HttpClient, **over: Any) -> Any:
    return admin.post(USERS, json={"name": "ada", "password": PASSWORD, "role": "responder"} | over)


def sign_in(whole: Whole, name: str = "ada", password: str = PASSWORD) -> str | None:
    begun = whole.healthmgr.sessions.sign_in_with_password(name, password, "test", whole.healthmgr.now())
    return begun[0] if begun else None


def is_in(whole: Whole, key: str | None) -> bool:
    return key is not None and whole.healthmgr.sessions.find(key, whole.healthmgr.now()) is not None


def test_a_user_is_added_signs_in_and_is_listed_without_their_password(admin: HttpClient, whole: Whole) -> None:
    assert add(admin).status_code == 201
    assert add(admin).status_code == 409
    assert is_in(whole, sign_in(whole))
    assert sign_in(whole, password="something else!") is None
    assert sign_in(whole, name="nobody") is None
    listed = admin.get(USERS)
    assert [user["name"] for user in listed.json()["items"]] == ["ada"]
    assert "scrypt" not in listed.text
    with whole.engine.connect() as connection:
        rows = str(
            connection.execute(text("SELECT u::text, (SELECT json_agg(a) FROM audit_entries a) FROM users u")).all()
        )
    assert PASSWORD not in rows
    assert "session.refused" in rows


@pytest.mark.parametrize(
    "change", [{"role": "viewer"}, {"is_enabled": False}, {"password": "another long password"}], ids=str
)
def test_another_role_or_password_or_being_disabled_ends_all_sessions(
    admin: HttpClient, whole: Whole, change: dict[str, Any]
) -> None:
    add(admin)
    keys = [sign_in(whole), sign_in(whole)]
    assert all(is_in(whole, key) for key in keys)
    assert admin.patch(f"{USERS}/ada", json=change).status_code == 200
    assert not any(is_in(whole, key) for key in keys)
    assert (sign_in(whole) is None) == ("role" not in change)


def test_somebody_is_signed_out_everywhere(admin: HttpClient, whole: Whole) -> None:
    add(admin)
    keys = [sign_in(whole), sign_in(whole)]
    (first, second) = admin.get("/api/v1/sessions").json()["items"]
    assert (first["name"], first["method"], second["role"]) == ("ada", "password", "responder")
    assert admin.delete("/api/v1/sessions/ada").json() == {"ended": 2}
    assert not any(is_in(whole, key) for key in keys)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"password": "short"}, "needs 12 characters"),
        ({"password": "aaaaaaaaaaaaaaa"}, "repeats itself"),
        ({"password": "ada is my name"}, "holds the name"),
        ({"role": "ingest"}, "no role of a user"),
        ({"name": "a\nb"}, "printable"),
        ({"person": "ghost"}, "there is no person 'ghost'"),
    ],
)
def test_what_is_wrong_with_a_user_is_said(admin: HttpClient, over: dict[str, Any], said: str) -> None:
    answer = add(admin, **over)
    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.parametrize("role", ["viewer", "responder", "ingest", None])
def test_only_admins_see_and_change_users(whole: Whole, role: str | None) -> None:
    client = whole.client(role)
    wanted = 401 if role is None else 403
    assert client.get(USERS).status_code == wanted
    assert add(client).status_code == wanted
    assert client.patch(f"{USERS}/ada", json={"role": "admin"}).status_code == wanted
    assert client.get("/api/v1/sessions").status_code == wanted
    assert client.delete("/api/v1/sessions/ada").status_code == wanted


def test_a_cookie_alone_opens_no_api(admin: HttpClient, whole: Whole) -> None:
    add(admin, role="admin")
    nobody = whole.client()
    cookie = {"Cookie": f"healthmgr_session={sign_in(whole)}"}
    for path in ("/api/v1/checks", USERS, "/api/v1/tokens", "/api/v1/audit"):
        assert nobody.get(path, headers=cookie).status_code == 401, path
    assert nobody.post("/api/v1/checks/shop/pause", headers=cookie).status_code == 401


def test_a_session_ends_by_idleness_and_by_age(admin: HttpClient, whole: Whole) -> None:
    add(admin)
    key, now = sign_in(whole), whole.healthmgr.now()
    sessions = whole.healthmgr.sessions
    assert sessions.find(str(key), now + timedelta(hours=11)) is not None
    assert sessions.find(str(key), now + timedelta(hours=24)) is None
    found = sessions.find(str(key), now + timedelta(hours=12))
    assert found is not None
    assert sessions.holds(found, now + timedelta(hours=13))
    assert not sessions.holds(found, now + timedelta(days=8))


def test_a_token_that_is_held_to_scopes_reaches_nothing_else(admin: HttpClient, whole: Whole) -> None:
    wanted = {"name": "board", "role": "responder", "scopes": ["checks:read", "incidents:write"]}
    made = admin.post("/api/v1/tokens", json=wanted)
    assert made.status_code == 201, made.text
    client = HttpClient(whole.url, made.json()["token"])
    assert client.get("/api/v1/checks").status_code == 200
    assert client.get("/api/v1/incidents").status_code == 200
    refused = client.post("/api/v1/checks/shop/pause")
    assert refused.status_code == 403
    assert "scope checks:write" in refused.text
    for path in ("/api/v1/alerts", "/api/v1/status", "/api/v2/alerts", "/alertmanager/api/v2/status"):
        assert client.get(path).status_code == 403, path
    assert [t["scopes"] for t in admin.get("/api/v1/tokens").json()["items"] if t["name"] == "board"] == [
        ["checks:read", "incidents:write"]
    ]
    now = whole.healthmgr.now()
    assert whole.healthmgr.sessions.sign_in_with_token(made.json()["token"], now) is None


def test_no_scope_makes_tokens_or_users(admin: HttpClient, whole: Whole) -> None:
    for scope in ("tokens:write", "users:write", "checks", "checks:all"):
        answer = admin.post("/api/v1/tokens", json={"name": "x", "role": "admin", "scopes": [scope]})
        assert answer.status_code == 422
        assert "is no scope" in answer.text
    scoped = admin.post("/api/v1/tokens", json={"name": "x", "role": "admin", "scopes": ["checks:write"]}).json()
    client = HttpClient(whole.url, scoped["token"])
    assert client.post("/api/v1/tokens", json={"name": "y", "role": "admin"}).status_code == 403
    assert add(client).status_code == 403
    assert client.get("/api/v1/tokens").status_code == 403
    assert client.get("/api/v1/me").json()["scopes"] == ["checks:write"]


def test_a_password_is_kept_as_a_hash_with_the_numbers_that_it_was_made_by() -> None:
    kept = hashed(PASSWORD)
    assert kept != hashed(PASSWORD)
    assert is_right(PASSWORD, kept)
    assert not is_right(PASSWORD + " ", kept)
    assert not is_right(PASSWORD, None)
    assert not is_outdated(kept)
    assert is_outdated(kept.replace("scrypt$32768", "scrypt$16384"))
