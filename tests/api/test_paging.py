"""Lists are read page by page: each item once, whatever comes into being between two pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from healthmgr.domain.swap import Stretch, Swap
from healthmgr.errors import HealthmgrError
from healthmgr.services.commanding import Act
from healthmgr.services.rostering import Hand
from healthmgr.services.sessions import Proof
from healthmgr.services.tokens import Principal, Role
from healthmgr.storage.paging import seal
from tests.api.furnished import Furnished, furnished
from tests.builders import make_silence
from tests.serving import HttpClient, ServedApp

LISTS = (
    "/silences", "/maintenance", "/runs", "/approvals?state=all", "/announcements", "/oncall/swaps", "/tokens",
    "/users", "/sessions",
)  # fmt: skip


@pytest.fixture
def whole(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[Furnished]:
    with furnished(engine, database_url, tmp_path, served) as made:
        yield made


def makers(whole: Furnished) -> dict[str, Callable[[int], object]]:
    """How one more of each comes into being."""
    admin, now = whole.client("admin", "admin"), whole.healthmgr.now()

    def post(path: str, **body: Any) -> None:
        answer = admin.post(f"/api/v1{path}", json=body)
        assert answer.status_code == 201, answer.text

    def start_run(_: int) -> None:  # one that is over lets the next begin
        with whole.engine.begin() as connection:
            connection.execute(text("UPDATE approvals SET state = 'denied' WHERE state = 'open'"))
            connection.execute(text("UPDATE runs SET state = 'cancelled', ended_at = now(), due_at = NULL"))
        whole.healthmgr.recovery.recovering.start("restart", Act("cy", "test", whole.healthmgr.now()), check="shop")

    def propose(number: int) -> None:
        begin = (now + timedelta(days=20 + number)).replace(hour=0, minute=0, second=0, microsecond=0)
        given = Stretch(begin, begin + timedelta(days=1))
        refusal: Exception = AssertionError(number)
        for one, other in (("alice", "bob"), ("bob", "alice")):
            try:
                rostering = whole.healthmgr.oncall.rostering
                rostering.propose("primary", Swap(one, other, given), Hand("cy", "test"), whole.healthmgr.now())
            except HealthmgrError as error:  # it is the other's turn
                refusal = error
            else:
                return
        raise refusal

    def sign_in(number: int) -> None:
        whole.healthmgr.sessions.begin(Principal(f"in-{number}", Role.VIEWER), Proof("token"), whole.healthmgr.now())

    cron = {"cron": "0 2 * * 0", "duration": "1h"}
    return {
        "/silences": lambda n: post("/silences", matchers=["a=b"], comment="x", lasts_for=f"{9 - n}h"),
        "/maintenance": lambda n: post("/maintenance", name=f"w{9 - n}", matchers=["a=b"], comment="x", window=cron),
        "/runs": start_run,
        "/approvals?state=all": start_run,
        "/announcements": lambda n: post("/announcements", title=f"No. {n}", message="x", state="investigating"),
        "/oncall/swaps": propose,
        "/tokens": lambda n: post("/tokens", name=f"t{9 - n}", role="viewer"),
        "/users": lambda n: post("/users", name=f"u{9 - n}", password="four plain words here"),
        "/sessions": sign_in,
    }


def walk(client: HttpClient, path: str, between: Callable[[], object]) -> list[dict[str, Any]]:
    """All items in pages of two, something happening after the first."""
    sign = "&" if "?" in path else "?"
    answer = client.get(f"/api/v1{path}{sign}limit=2").json()
    between()
    found = list(answer["items"])
    while answer["next_cursor"]:
        assert len(answer["items"]) == 2
        answer = client.get(f"/api/v1{path}{sign}limit=2&cursor={answer['next_cursor']}").json()
        found += answer["items"]
    return found


def identities(items: list[dict[str, Any]]) -> list[Any]:
    return [item.get("id") or item.get("number") or item["name"] for item in items]


def test_each_list_is_read_once_while_it_grows(whole: Furnished) -> None:
    admin, make = whole.client("admin", "admin"), makers(whole)
    assert set(make) == set(LISTS)
    for path in LISTS:
        for number in range(4):
            make[path](number)
        before = identities(admin.get(f"/api/v1{path}").json()["items"])
        found = identities(walk(admin, path, lambda path=path: make[path](4)))
        assert len(before) >= 4, path
        assert [one for one in found if one in before] == before, path
        assert len(set(found)) == len(found), path


def test_a_silence_that_begins_to_hold_between_two_pages_is_not_missed(whole: Furnished) -> None:
    now, admin = whole.healthmgr.now(), whole.client("admin", "admin")
    for hours in (1, 2, 3):
        make_silence(whole.engine, "a=b", starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=hours))
    late = make_silence(whole.engine, "a=b", starts_at=now + timedelta(hours=4), ends_at=now + timedelta(hours=9))

    def begin_to_hold() -> None:
        with whole.engine.begin() as connection:
            statement = "UPDATE silences SET starts_at = now(), ends_at = now() + interval '1 minute' WHERE id = :id"
            connection.execute(text(statement), {"id": late})

    found = walk(admin, "/silences", begin_to_hold)
    assert [item["state"] for item in found if item["id"] == str(late)] == ["active"]


def test_what_is_no_cursor_is_told_so(whole: Furnished) -> None:
    admin = whole.client("admin", "admin")
    sealed = [seal("2026-01-01T00:00:00", 1, 2, "x"), seal("no", "time"), seal([1], {}), seal(10**30), seal("\0")]
    for cursor in ("x", "e30", "W0luZmluaXR5XQ", *sealed):  # an object, and infinity
        for path in LISTS:
            answer = admin.get(f"/api/v1{path}{'&' if '?' in path else '?'}cursor={cursor}")
            assert answer.status_code == 422, (path, cursor)
            assert answer.json()["problems"][0]["path"] == "cursor", (path, cursor)
