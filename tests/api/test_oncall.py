"""Who is on call over HTTP, and the calendars that others subscribe to: a whole installation, nothing replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.calendar import zone
from healthmgr.domain.ical_import import read_calendar
from healthmgr.domain.links import SWAPS, Claim, sign
from healthmgr.domain.rotation import Rotation, Unit
from healthmgr.domain.schedule import Layer
from healthmgr.settings import Settings
from tests.builders import make_channel, make_recipient
from tests.serving import SECRET_KEY, HttpClient, ServedApp

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rota:
    """A schedule in which alice and bob take daily turns, served."""

    url: str
    healthmgr: Healthmgr
    start: datetime

    def client(self, name: str | None, role: str = "responder") -> HttpClient:
        """A client with a token of this name and role; None: without one."""
        token = self.healthmgr.tokens.ensure(name, role, None, self.start) if name else None
        return HttpClient(self.url, token)

    def day(self, days: int, hours: int = 0) -> str:
        """The beginning of a turn: alice's on even days."""
        return (self.start + days * DAY + timedelta(hours=hours)).isoformat()


@pytest.fixture
def rota(engine: Engine, database_url: str, served: ServedApp) -> Iterator[Rota]:
    healthmgr = build(
        Settings(database_url=database_url, public_url="https://hm.example.com", secret_key=SECRET_KEY), worker="api"
    )
    start = healthmgr.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for name in ("alice", "bob", "carol"):
        make_recipient(engine, name, mail=f"{name}@example.com")
    make_channel(engine, "mail")
    rotation = Rotation(("alice", "bob"), start.replace(tzinfo=None), zone("UTC"), unit=Unit.DAY)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO schedules (name, timezone, layers, is_enabled, managed_by, updated_at) "
                "VALUES ('primary', 'UTC', :layers, true, 'test', :at)"
            ),
            {"layers": json.dumps([Layer("daily", rotation=rotation).to_document()]), "at": start - DAY},
        )
    served.app.state.parts = healthmgr
    yield Rota(served.url, healthmgr, start)
    healthmgr.close()


def on_call(client: HttpClient, at: str) -> list[str]:
    answer = client.get("/api/v1/oncall/schedules/primary", params={"at": at, "days": 1})
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["on_call"]
    return found


def test_a_viewer_reads_and_changes_nothing(rota: Rota) -> None:
    viewer = rota.client("grafana", "viewer")
    (line,) = viewer.get("/api/v1/oncall/schedules").json()["items"]
    assert (line["name"], line["on_call"]) == ("primary", ["alice"])
    shown = viewer.get("/api/v1/oncall/schedules/primary", params={"at": rota.day(0), "days": 4}).json()
    assert [(s["person"], s["ends_at"]) for s in shown["shifts"][:2]] == [
        ("alice", rota.day(1).replace("+00:00", "Z")),
        ("bob", rota.day(2).replace("+00:00", "Z")),
    ]
    assert {b["person"]: b["total"] for b in shown["burdens"]} == {"alice": 2 * 86400.0, "bob": 2 * 86400.0}
    body = {"ends_at": rota.day(3), "add": "carol"}
    assert viewer.post("/api/v1/oncall/schedules/primary/overrides", json=body).status_code == 403
    assert viewer.get("/api/v1/oncall/contacts").status_code == 403
    assert rota.client(None).get("/api/v1/oncall/schedules").status_code == 401
    assert viewer.get("/api/v1/oncall/schedules/none").status_code == 404


def test_a_responder_overrides_what_is_about_himself_and_an_admin_all(rota: Rota) -> None:
    bob = rota.client("bob")
    path = "/api/v1/oncall/schedules/primary/overrides"
    mine = {"starts_at": rota.day(2), "ends_at": rota.day(3), "add": "bob", "remove": "alice", "comment": "for her"}
    others = {"starts_at": rota.day(4), "ends_at": rota.day(5), "add": "carol", "remove": "alice"}
    made = bob.post(path, json=mine)
    assert made.status_code == 201, made.text
    assert made.json()["created_by"] == "bob"
    assert on_call(bob, rota.day(2)) == ["bob"]
    assert bob.post(path, json=others).status_code == 403
    assert rota.client("root", "admin").post(path, json=others).status_code == 201
    listed = bob.get("/api/v1/oncall/schedules/primary/changes").json()["items"]
    assert [change["added"] for change in listed] == ["bob", "carol"]
    assert bob.delete(f"/api/v1/oncall/changes/{listed[1]['id']}").status_code == 403
    assert bob.delete(f"/api/v1/oncall/changes/{listed[0]['id']}").status_code == 200
    assert on_call(bob, rota.day(2)) == ["alice"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"add": "carol"}, 422),
        ({"ends_at": "2099-01-01T00:00:00", "add": "carol"}, 422),  # no zone
        ({"ends_at": "2000-01-01T00:00:00Z", "add": "carol"}, 422),
        ({"ends_at": "2099-01-01T00:00:00Z", "add": "carol", "colour": "red"}, 422),
        ({"starts_at": "2098-12-31T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}, 422),
        ({"starts_at": "2098-12-31T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z", "add": "zoe"}, 404),
        ({"starts_at": "2098-12-31T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z", "remove": "carol"}, 409),
        ({"starts_at": "2098-12-31T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z", "add": "c", "comment": "x\0"}, 422),
    ],
)
def test_an_override_that_cannot_be_meant_is_refused(body: dict[str, str], status: int, rota: Rota) -> None:
    answer = rota.client("root", "admin").post("/api/v1/oncall/schedules/primary/overrides", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "1969-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2300-01-01T00:00:00-12:00"]
)
def test_a_time_at_the_edge_of_the_calendar_is_answered_or_refused(at: str, rota: Rota) -> None:
    admin = rota.client("root", "admin")
    for days in (1, 90):
        answer = admin.get("/api/v1/oncall/schedules/primary", params={"at": at, "days": days})
        assert answer.status_code in (200, 422), answer.text
    body = {"starts_at": at, "ends_at": at.replace("T00", "T01").replace(":59Z", ":59.5Z"), "add": "carol"}
    answer = admin.post("/api/v1/oncall/schedules/primary/overrides", json=body)
    assert answer.status_code == 422, answer.text
    swap = {"proposed_to": "bob", "proposed_by": "alice", "given_from": body["starts_at"], "given_to": body["ends_at"]}
    assert admin.post("/api/v1/oncall/schedules/primary/swaps", json=swap).status_code in (409, 422)
    assert rota.client(None).get(address_of(rota, "schedule", "primary")).status_code == 200
    rota.healthmgr.oncall.foreseeing.look_ahead(rota.healthmgr.now())


def test_a_temporary_schedule_tells_when_nobody_is_left(rota: Rota) -> None:
    body = {
        "starts_at": rota.day(2),
        "ends_at": rota.day(3),
        "shifts": [{"person": "carol", "ends_at": rota.day(2, hours=12)}],
    }
    made = rota.client("root", "admin").post("/api/v1/oncall/schedules/primary/temporaries", json=body)
    assert made.status_code == 201, made.text
    assert [span["starts_at"] for span in made.json()["unattended"]] == [rota.day(2, 12).replace("+00:00", "Z")]
    assert on_call(rota.client("bob"), rota.day(2)) == ["carol"]


def test_only_the_person_it_is_proposed_to_accepts_a_swap(rota: Rota) -> None:
    alice, bob, carol = (rota.client(name) for name in ("alice", "bob", "carol"))
    body = {
        "proposed_to": "bob",
        "given_from": rota.day(2),
        "given_to": rota.day(3),
        "taken_from": rota.day(3),
        "taken_to": rota.day(4),
    }
    assert carol.post("/api/v1/oncall/schedules/primary/swaps", json=body).status_code == 409  # not hers to give
    assert carol.post("/api/v1/oncall/schedules/primary/swaps", json=body | {"proposed_by": "alice"}).status_code == 403
    made = alice.post("/api/v1/oncall/schedules/primary/swaps", json=body)
    assert made.status_code == 201, made.text
    path = f"/api/v1/oncall/swaps/{made.json()['id']}/answer"
    assert alice.post(path, json={"answer": "accept"}).status_code == 403
    assert carol.post(path, json={"answer": "accept", "by": "bob"}).status_code == 403
    assert bob.post(path, json={"answer": "accept"}).json()["state"] == "accepted"
    assert on_call(bob, rota.day(2)) == ["bob"]
    assert on_call(bob, rota.day(3)) == ["alice"]
    assert bob.post(path, json={"answer": "decline"}).status_code == 409
    assert len(bob.get("/api/v1/oncall/swaps", params={"state": "accepted"}).json()["items"]) == 1


def asked(rota: Rota) -> str:
    """alice asks bob to take her turn; the swap's id."""
    body = {"proposed_to": "bob", "given_from": rota.day(2), "given_to": rota.day(3), "comment": "<b>a wedding</b>"}
    made = rota.client("alice").post("/api/v1/oncall/schedules/primary/swaps", json=body).json()
    assert [(one["recipient"], one["channel"], one["state"]) for one in made["told"]] == [("bob", "mail", "pending")]
    return str(made["id"])


def link(rota: Rota, swap_id: str, *, purpose: bytes = SWAPS, days: int = 7) -> str:
    claim = Claim(UUID(swap_id), "bob", rota.healthmgr.now() + timedelta(days=days))
    return f"/swap/{sign(claim, SECRET_KEY, purpose)}"


def test_the_links_of_a_swap_lead_to_a_page_that_asks_and_only_its_button_answers(rota: Rota) -> None:
    swap_id, nobody = asked(rota), rota.client(None)
    address = link(rota, swap_id)
    for verb, words in (("accept", "Accept the swap with alice?"), ("decline", "Decline the swap with alice?")):
        page = nobody.get(f"{address}/{verb}")
        assert page.status_code == 200
        assert words in page.text
        assert "&lt;b&gt;a wedding&lt;/b&gt;" in page.text
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert rota.healthmgr.oncall.reading.swap(UUID(swap_id)).state == "proposed"
    assert "The swap holds" in nobody.post(f"{address}/accept").text
    found = rota.healthmgr.oncall.reading.swap(UUID(swap_id))
    assert found.state == "accepted"
    assert [(one.recipient, one.state) for one in found.told] == [("bob", "superseded"), ("alice", "pending")]
    assert on_call(rota.client("bob"), rota.day(2)) == ["bob"]
    assert "This swap was accepted already" in nobody.post(f"{address}/decline").text
    assert rota.healthmgr.oncall.reading.swap(UUID(swap_id)).state == "accepted"


def test_a_link_that_is_not_ours_too_old_or_an_incidents_answers_no_swap(rota: Rota) -> None:
    swap_id, nobody = asked(rota), rota.client(None)
    for address, status in (
        ("/swap/nonsense", 404),
        (link(rota, swap_id, days=-1), 410),
        (link(rota, swap_id, purpose=b"healthmgr answer link 1"), 404),
        (link(rota, str(UUID(int=7))), 404),
    ):
        assert nobody.post(f"{address}/accept").status_code == status
    assert rota.healthmgr.oncall.reading.swap(UUID(swap_id)).state == "proposed"


def test_who_would_be_told_is_a_question_that_changes_nothing(rota: Rota) -> None:
    found = rota.client("grafana", "viewer").get(
        "/api/v1/oncall/who", params={"service": "shop", "label": ["team=web"], "severity": "low"}
    )
    assert found.status_code == 200, found.text
    assert found.json()["labels"] == {"service": "shop", "team": "web", "severity": "low"}
    assert rota.client("grafana", "viewer").get("/api/v1/oncall/who", params={"label": "team"}).status_code == 422


# ---- calendars -------------------------------------------------------------------------------------


def address_of(rota: Rota, subject: str, name: str) -> str:
    answer = rota.client("bob").get(f"/api/v1/oncall/calendars/{subject}/{name}")
    assert answer.status_code == 200, answer.text
    address: str = answer.json()["address"]
    assert address.startswith("https://hm.example.com/")
    return address.removeprefix("https://hm.example.com")


def test_a_calendar_needs_its_key_and_no_token(rota: Rota) -> None:
    path = address_of(rota, "schedule", "primary")
    anyone = rota.client(None)
    answer = anyone.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    people = {name: name for name in ("alice", "bob")}
    read = read_calendar(answer.text, people, zone("UTC"), rota.start, rota.start + 30 * DAY)
    assert [(s.person, s.starts_at) for s in read.shifts[:3]] == [
        ("alice", rota.start), ("bob", rota.start + DAY), ("alice", rota.start + 2 * DAY),
    ]  # fmt: skip
    assert anyone.head(path).status_code == 200
    key = path.rsplit("/", 1)[1]
    for wrong in (path.replace(key, "x" * 22 + ".ics"), path.replace("primary", "secondary"), "/calendars/x/y/z.ics"):
        assert anyone.get(wrong).status_code in (404, 422)
    of_alice = anyone.get(address_of(rota, "person", "alice")).text
    assert of_alice.count("SUMMARY:On call: primary") > 40
    assert "bob" not in of_alice
    assert rota.client("bob").get("/api/v1/oncall/calendars/person/zoe").status_code == 404


def test_a_calendar_is_sent_again_only_when_it_has_changed(rota: Rota) -> None:
    path, anyone = address_of(rota, "schedule", "primary"), rota.client(None)
    first = anyone.get(path)
    tag, since = first.headers["ETag"], first.headers["Last-Modified"]
    assert anyone.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert anyone.get(path, headers={"If-None-Match": f'"x", W/{tag}'}).status_code == 304
    assert anyone.get(path, headers={"If-Modified-Since": since}).status_code == 304
    assert anyone.get(path, headers={"If-Modified-Since": "the day before"}).status_code == 200
    assert not anyone.get(path, headers={"If-None-Match": tag}).content
    made = rota.client("root", "admin").post(
        "/api/v1/oncall/schedules/primary/overrides",
        json={"starts_at": rota.day(5), "ends_at": rota.day(6), "add": "carol"},
    ).json()  # fmt: skip
    changed = anyone.get(path, headers={"If-None-Match": tag, "If-Modified-Since": since})
    assert changed.status_code == 200
    assert "SUMMARY:carol" in changed.text
    assert anyone.get(path, headers={"If-Modified-Since": since}).status_code == 200
    rota.client("root", "admin").delete(f"/api/v1/oncall/changes/{made['id']}")
    removed = anyone.get(path, headers={"If-Modified-Since": since})
    assert removed.status_code == 200, "what was taken back has changed it as well"
    assert "carol" not in removed.text


# ---- contacts --------------------------------------------------------------------------------------


def test_a_code_that_cannot_be_sent_is_said(rota: Rota) -> None:
    bob = rota.client("bob")
    (contact,) = bob.get("/api/v1/oncall/contacts", params={"person": "bob"}).json()["items"]
    assert (contact["channel"], contact["address"], contact["verified_at"]) == ("mail", "bob@example.com", None)
    answer = bob.post("/api/v1/oncall/contacts/bob/mail/verify", json={})
    assert answer.status_code == 409  # the channel's configuration is empty
    assert bob.post("/api/v1/oncall/contacts/bob/pager/verify", json={}).status_code == 404
    wrong = bob.post("/api/v1/oncall/contacts/bob/mail/confirm", json={"code": "123456"})
    assert wrong.status_code == 409
    assert "No code is out" in wrong.json()["detail"]
