"""Who may do what: every operation of the OpenAPI document, with no token, a wrong one, each role and a held one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from healthmgr.services.scopes import ADDRESSES, OF_EVERY_TOKEN, SCOPES, part_of, scope_for
from tests.api.furnished import ROLES, Furnished, furnished
from tests.serving import HttpClient, ServedApp

# The role that is needed, by method and address; the first line that fits holds. "anybody" needs no token, "ingest"
# and "any" are no rungs of the ladder: the first is for what brings things, the second for all who have a token.
NEEDED = (
    (r"GET /(healthz|readyz)", "anybody"),
    (r"GET /(status.*|badges?/.*|feed.*|calendars?/.*|answer/.*|approvals?/.*|swaps?/.*)", "anybody"),
    (r"GET /api/v1/me", "any"),
    (r"POST /api/v1/checks/[^/]+/(results|ping)", "ingest"),
    (r"POST /api/v1/(events|changes|doors/.*)", "ingest"),
    (r"[A-Z]+ /api/v1/(tokens|users|sessions|webhooks)(/.*)?", "admin"),
    (r"GET /api/v1/(audit|settings)", "admin"),
    (r"POST /api/v1/channels/[^/]+/test", "admin"),
    (r"GET /api/v1/checks/[^/]+/ping-address", "responder"),
    (r"GET /api/v1/oncall/(contacts|calendars/.*)", "responder"),
    (r"POST /api/v1/(silences|maintenance|oncall/schedules/[^/]+/(overrides|temporaries))/preview", "viewer"),
    (r"POST /api/v1/(runbooks/[^/]+/dry-run|routes/(test|simulate))", "viewer"),
    (r"GET .*", "viewer"),
    (r"(POST|PUT|PATCH|DELETE) .*", "responder"),
)
LADDER = ("viewer", "responder", "admin")
# What a responder may do only where it is about himself.
OWN = {"DELETE /api/v1/oncall/changes/{change_id}"}


def needed(method: str, path: str) -> str:
    """The role that the table names."""
    return next(role for pattern, role in NEEDED if re.fullmatch(pattern, f"{method} {path}"))


def may(role: str, method: str, path: str) -> bool:
    """Whether this role is enough, by the table."""
    least = needed(method, path)
    if role == "responder" and f"{method} {path}" in OWN:
        return False
    if least in ("anybody", "any"):
        return True
    if "ingest" in (role, least):
        return role in (least, "admin")
    return LADDER.index(role) >= LADDER.index(least)


@pytest.fixture
def whole(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[Furnished]:
    with furnished(engine, database_url, tmp_path, served) as made:
        yield made


def ask(whole: Furnished, token: str | None, method: str, path: str) -> tuple[int, str]:
    """The status and the challenge, where something is asked for that there is."""
    body: dict[str, str] | None = {} if method in ("POST", "PUT", "PATCH") else None
    patience = {"timeout": "0.2"} if path.endswith("/run-and-wait") else None  # nobody works here
    patience = {"lasts_for": "0.05"} if path.endswith("/stream") else patience
    answer = HttpClient(whole.url, token).request(method, whole.fill(path), json=body, params=patience)
    if answer.status_code >= 400 and not path.endswith("z"):  # healthz and readyz say in their own words how it is
        assert answer.headers["content-type"] == "application/problem+json", (method, path, answer.text)
    return answer.status_code, answer.headers.get("www-authenticate", "")


def test_nobody_does_what_the_table_does_not_allow_and_trying_changes_nothing(whole: Furnished) -> None:
    tokens = {role: whole.token(f"the-{role}", role) for role in ROLES}
    before, wrong = whole.rows(), []
    for method, path, _ in whole.operations():
        if needed(method, path) == "anybody":
            continue
        for who, token in ((None, None), ("a stranger", "hm_" + "x" * 43), ("nonsense", "Zm9v")):
            status, challenge = ask(whole, token, method, path)
            if status != 401 or not challenge.startswith(("Bearer ", "Basic ")):
                wrong.append((method, path, who, status, challenge))
        for role, token in tokens.items():
            if not may(role, method, path) and (status := ask(whole, token, method, path)[0]) != 403:
                wrong.append((method, path, role, status, "should be 403"))
    assert wrong == []
    assert whole.rows() == before


def test_everybody_does_what_the_table_allows(whole: Furnished) -> None:
    wrong = []
    for method, path, operation in whole.operations():
        for role in ROLES:
            if not may(role, method, path):
                continue
            status, _ = ask(whole, whole.token(f"the-{role}", role), method, path)
            if status in (401, 403) or str(status) not in operation["responses"]:
                wrong.append((method, path, role, status))
    assert wrong == []


def test_a_token_held_to_scopes_opens_what_is_of_them_and_nothing_else(whole: Furnished) -> None:
    """An admin's, which the role alone would open everything to: for each part, one that reads and one that writes."""
    tokens, now = whole.healthmgr.tokens, whole.healthmgr.now()
    held = {scope: tokens.create(f"held to {scope}", "admin", now, scopes=[scope]) for scope in sorted(SCOPES)}
    wrong = []
    for method, path, _ in whole.operations():
        if needed(method, path) == "anybody":
            continue
        part = part_of(path)
        others = [f"{other}:write" for other in ADDRESSES if other != part and f"{other}:write" in held][:3]
        for scope in (f"{part}:read", f"{part}:write", *others):
            if scope not in held:
                continue
            does_open = path == OF_EVERY_TOKEN or scope == f"{part}:write" or scope == scope_for(method, path)
            status, _ = ask(whole, held[scope], method, path)
            if (status == 403) is does_open or status == 401:
                wrong.append((method, path, scope, status))
    assert wrong == []
