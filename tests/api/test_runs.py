"""Runs, approvals and kill switches over HTTP, and the places where people answer: links, buttons, text messages."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.links import APPROVALS, GOOD_FOR, Claim, LinkMaker, sign
from healthmgr.services.commanding import Act
from healthmgr.settings import Settings
from tests.serving import SECRET_KEY, HttpClient, ServedApp

BOOKS = """\
version: 1
channels:
  chat: {kind: slack, config: {bot_token: xoxb-1, channel: "#ops", buttons: true, signing_secret: shhh}}
  text:
    kind: sms
    config: {account_sid: ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, auth_token: geheim, from: "+15005550006", replies: true}
people:
  ada: {contacts: {chat: U0ADA, text: "+491511234567"}}
  ben: {contacts: {chat: U0BEN}}
teams: {web: [ada, ben]}
routing: {default: {to: ada, via: chat}}
checks:
  shop: {kind: tcp, config: {host: 127.0.0.1, port: 1}, severity: critical}
  blog: {kind: tcp, config: {host: 127.0.0.1, port: 1}, severity: low}
runbooks:
  restart:
    automation: manual
    team: web
    parameters: {unit: shop}
    steps: [{service_restart: "{{ parameters.unit }}"}]
  careful:
    automation: manual
    approval: {needed: 2, by: ["team:web"]}
    steps: [{service_restart: shop}]
"""
RUNS = "/api/v1/runbooks/restart/runs"


@dataclass(frozen=True)
class Office:
    """A served installation in which two checks are down."""

    url: str
    healthmgr: Healthmgr
    engine: Engine

    def client(self, role: str | None, name: str = "") -> HttpClient:
        """A client whose token has this role, and is called like somebody."""
        now = self.healthmgr.now()
        token = self.healthmgr.tokens.ensure(name or f"{role}-token", role, None, now) if role else None
        return HttpClient(self.url, token)

    def ask(self, runbook: str = "restart", check: str = "shop", by: str = "cy") -> UUID:
        """A question that a run asks which somebody has started."""
        act = Act(by, "test", self.healthmgr.now())
        started = self.healthmgr.recovery.recovering.start(runbook, act, check=check)
        (asked,) = [each for each in self.healthmgr.recovery.reading.approvals() if each.run_id == started.run_id]
        return asked.id

    def votes(self) -> list[tuple[str, bool]]:
        """Who has said what."""
        found = self.healthmgr.recovery.reading.approvals(is_open=False)
        return [(vote.person, vote.is_for) for approval in found for vote in approval.votes]

    def state(self) -> str:
        """The state of the newest run."""
        return self.healthmgr.recovery.reading.runs()[0].state


@pytest.fixture
def office(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[Office]:
    settings = Settings(database_url=database_url, secret_key=SECRET_KEY, public_url="https://hm.example.com")
    healthmgr = build(settings, worker="api")
    path = tmp_path / "books.yaml"
    path.write_text(BOOKS, encoding="utf-8")
    healthmgr.defining.apply(path, actor="test", origin="test", now=healthmgr.now())
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE check_states SET status = 'unhealthy', hard_status = 'unhealthy', last_result_at = now(), "
                "since_at = now() - interval '1 minute'"
            )
        )
    served.app.state.parts = healthmgr
    yield Office(served.url, healthmgr, engine)
    healthmgr.close()


# ---- Runs ------------------------------------------------------------------------------------------


def test_a_run_is_started_shown_and_ended(office: Office) -> None:
    ada = office.client("responder", "ada")
    answer = ada.post(RUNS, json={"check": "blog", "parameters": {"unit": "blog"}, "comment": "it hangs"})
    assert answer.status_code == 201, answer.text
    card = answer.json()
    assert (card["run"]["state"], card["run"]["started_by"]) == ("running", "ada")
    assert card["parameters"] == {"unit": "blog"}
    viewer = office.client("viewer")
    assert viewer.get("/api/v1/runs").json()["items"] == [card["run"]]
    assert viewer.get("/api/v1/runs?state=failed").json()["items"] == []
    assert viewer.get("/api/v1/runs?check=blog&runbook=restart&state=running").json()["items"] == [card["run"]]
    assert viewer.get("/api/v1/runs/1").json() == viewer.get(f"/api/v1/runs/{card['run']['id']}").json()
    ended = ada.post("/api/v1/runs/1/cancel", json={"rollback": True})
    assert (ended.status_code, ended.json()["run"]["cancelled_by"]) == (200, "ada")
    again = ada.post("/api/v1/runs/1/cancel")
    assert (again.status_code, again.headers["Content-Type"]) == (409, "application/problem+json")


def test_a_rail_in_the_way_is_a_conflict_in_words(office: Office) -> None:
    ada = office.client("responder", "ada")
    assert ada.post(RUNS, json={"check": "blog"}).status_code == 201
    again = ada.post(RUNS, json={"check": "blog"})
    assert (again.status_code, "its target is under repair" in again.text) == (409, True)


def test_a_question_is_answered_in_the_name_of_the_token(office: Office) -> None:
    ada, ben = office.client("responder", "ada"), office.client("responder", "ben")
    assert ada.post(RUNS, json={"check": "shop"}).json()["run"]["state"] == "awaiting_approval"
    (asked,) = ada.get("/api/v1/approvals").json()["items"]
    assert ada.get("/api/v1/approvals/1").json() == asked
    own = ada.post("/api/v1/approvals/1/approve")
    assert (own.status_code, "somebody else has to approve it" in own.text) == (409, True)
    agreed = ben.post("/api/v1/approvals/1/approve", json={"comment": "go"})
    assert (agreed.status_code, agreed.json()["state"]) == (200, "granted")
    assert office.votes() == [("ben", True)]
    assert ada.get("/api/v1/approvals").json()["items"] == []
    assert [each["state"] for each in ada.get("/api/v1/approvals?state=all").json()["items"]] == ["granted"]


def test_the_kill_switch_holds_until_it_is_released(office: Office) -> None:
    ada = office.client("responder", "ada")
    thrown = ada.post("/api/v1/recovery/stop", json={"team": "web", "comment": "we look first"})
    assert thrown.json()["switches"][0]["scope"] == "team:web"
    refused = ada.post(RUNS, json={"check": "blog"})
    assert (refused.status_code, "the kill switch of team web is thrown" in refused.text) == (409, True)
    assert ada.post("/api/v1/recovery/start", json={"team": "web"}).json()["switches"] == []
    assert ada.post(RUNS, json={"check": "blog"}).status_code == 201
    assert ada.get("/api/v1/recovery").json()["is_automatic"] is True


def test_a_breaker_is_closed_by_hand(office: Office) -> None:
    with office.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO breakers (runbook, failures, opened_at, changed_at, changed_by) "
                "VALUES ('restart', 3, now(), now(), '')"
            )
        )
    ada = office.client("responder", "ada")
    assert "its breaker is open" in ada.post(RUNS, json={"check": "blog"}).text
    (closed,) = ada.post("/api/v1/runbooks/restart/close").json()["breakers"]
    assert (closed["opened_at"], closed["changed_by"]) == (None, "ada")
    assert ada.post(RUNS, json={"check": "blog"}).status_code == 201


ACTS = (
    RUNS,
    "/api/v1/runs/1/cancel",
    "/api/v1/runs/1/undo",
    "/api/v1/approvals/1/approve",
    "/api/v1/approvals/1/deny",
    "/api/v1/recovery/stop",
    "/api/v1/recovery/start",
    "/api/v1/runbooks/restart/close",
)


def test_who_only_reads_changes_nothing(office: Office) -> None:
    office.ask()
    for path in ACTS:
        assert office.client("viewer").post(path, json={}).status_code == 403, path
        assert office.client("ingest").post(path, json={}).status_code == 403, path
        assert office.client(None).post(path, json={}).status_code == 401, path
    for path in ("/api/v1/runs", "/api/v1/runs/1", "/api/v1/approvals", "/api/v1/approvals/1", "/api/v1/recovery"):
        assert office.client(None).get(path).status_code == 401, path
        assert office.client("ingest").get(path).status_code == 403, path
    assert office.votes() == []
    assert office.state() == "awaiting_approval"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/api/v1/runs/9", None, 404, "no run '9'"),
        ("GET", "/api/v1/runs/a%00b", None, 400, "NUL"),
        ("GET", "/api/v1/runs?state=odd", None, 422, "state"),
        ("GET", "/api/v1/runs?limit=0", None, 422, "limit"),
        ("GET", "/api/v1/runs?incident=99999999999999999999", None, 422, "incident"),
        ("POST", "/api/v1/runbooks/nothing/runs", {"check": "blog"}, 404, "no runbook 'nothing'"),
        ("POST", RUNS, {}, 409, "Say which check"),
        ("POST", RUNS, {"check": "blig"}, 404, "no check 'blig'"),
        ("POST", RUNS, {"check": "blog", "parameters": {"size": 1}}, 409, "it takes unit"),
        ("POST", RUNS, {"chek": "blog"}, 422, "chek"),
        ("POST", RUNS, {"check": "blog", "parameters": {"unit": "a\0b"}}, 422, "holds a NUL character"),
        ("POST", RUNS, {"check": "blog", "parameters": {"unit": ["\ud800"]}}, 422, "cannot be kept"),
        ("POST", RUNS, {"check": "blog", "parameters": {"unit": "x" * 70_000}}, 422, "70002 bytes long"),
        ("POST", RUNS, {"check": "a\0b"}, 422, "check"),
        ("POST", "/api/v1/runs/9/cancel", {}, 404, "no run"),
        ("POST", "/api/v1/approvals/9/approve", {}, 404, "no approval '9'"),
        ("POST", "/api/v1/recovery/stop", {"team": "nobody"}, 404, "is no scope"),
        ("POST", "/api/v1/recovery/start", {}, 409, "is not thrown"),
        ("POST", "/api/v1/runbooks/nothing/close", {}, 409, "is not open"),
    ],
)
def test_what_cannot_be_is_refused(
    office: Office, method: str, path: str, body: dict[str, object] | None, status: int, words: str
) -> None:
    answer = office.client("responder").request(method, path, json=body)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text


# ---- Links -----------------------------------------------------------------------------------------


def link(approval: UUID, recipient: str, office: Office, **over: Any) -> str:
    claim = Claim(approval, recipient, office.healthmgr.now() + over.get("good_for", GOOD_FOR))
    return f"/approval/{sign(claim, over.get('secret', SECRET_KEY), over.get('purpose', APPROVALS))}"


def test_a_link_asks_first_and_its_button_is_the_vote_of_whom_it_was_sent_to(office: Office) -> None:
    approval = office.ask()
    (approve, _deny) = LinkMaker("https://hm.example.com", SECRET_KEY).approval_choices(
        approval, "ada", office.healthmgr.now()
    )
    client, path = office.client(None), urlsplit(approve.address).path
    for _ in range(2):
        assert "Approve run #1 of restart?" in client.get(path).text
        assert client.request("HEAD", path).status_code == 200
    assert office.votes() == []
    done = client.post(path, data=urlencode({"comment": "go <b>on</b>"}))
    assert "Approved: the runbook goes on." in done.text
    assert office.votes() == [("ada", True)]
    assert office.state() == "running"
    assert "It was approved" in client.get(path).text
    assert "decided already" in client.post(path).text
    (asked,) = office.healthmgr.recovery.reading.approvals(is_open=False)
    assert (asked.votes[0].comment, asked.votes[0].origin.split()[0]) == ("go <b>on</b>", "link")


def test_a_link_denies(office: Office) -> None:
    path = link(office.ask(), "ada", office) + "/deny"
    assert "One no ends the question" in office.client(None).get(path).text
    assert "Denied" in office.client(None).post(path).text
    assert (office.votes(), office.state()) == ([("ada", False)], "failed")


def test_a_link_of_somebody_who_may_not_changes_nothing(office: Office) -> None:
    path = link(office.ask("careful", "blog"), "eve", office) + "/approve"
    assert "not among those who may approve" in office.client(None).post(path).text
    own = link(office.ask("restart", "shop", by="ada"), "ada", office) + "/approve"
    assert "somebody else has to approve" in office.client(None).post(own).text
    assert office.votes() == []


def test_links_that_do_not_hold_change_nothing(office: Office) -> None:
    approval, client = office.ask(), office.client(None)
    incident_link = link(approval, "ada", office, purpose=b"healthmgr answer link 1")
    for path, status in (
        (link(approval, "ada", office, secret="t" * 32), 404),
        (incident_link, 404),
        (link(approval, "ada", office, good_for=-timedelta(seconds=1)), 410),
        (link(UUID(int=5), "ada", office), 404),
        ("/approval/abc", 404),
    ):
        assert client.get(f"{path}/approve").status_code == status
        assert client.post(f"{path}/approve").status_code == status
    assert client.post(f"{link(approval, 'ada', office)}/perhaps").status_code == 422
    assert office.votes() == []


def test_what_is_too_late_says_so_on_the_page(office: Office) -> None:
    approval = office.ask()
    with office.engine.begin() as connection:
        connection.execute(text("UPDATE approvals SET expires_at = now() - interval '1 second'"))
    path = link(approval, "ada", office) + "/approve"
    assert "counts as a no" in office.client(None).get(path).text
    assert "counts as a no" in office.client(None).post(path).text
    assert office.votes() == []


# ---- Slack -----------------------------------------------------------------------------------------


def press(office: Office, action: str, approval: UUID, user: str) -> str:
    payload = {
        "type": "block_actions",
        "user": {"id": user, "username": "ada"},
        "actions": [{"action_id": f"healthmgr.{action}", "value": str(approval)}],
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    stamp = str(int(office.healthmgr.now().timestamp()))
    signature = "v0=" + hmac.new(b"shhh", f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature,
    }
    answer = office.client(None).post("/api/v1/interactions/slack", data=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["text"])


def test_a_button_in_slack_is_the_vote_of_the_person_whose_contact_that_user_is(office: Office) -> None:
    approval = office.ask("careful", "blog")
    assert press(office, "approve", approval, "U0ADA") == "Noted: 1 of 2 agree."
    assert press(office, "approve", approval, "U0ADA") == "ada has voted already: one vote for each person."
    assert press(office, "approve", approval, "U0BEN") == "Approved: the runbook goes on."
    assert office.votes() == [("ada", True), ("ben", True)]


def test_whoever_calls_themselves_like_somebody_in_slack_does_not_vote(office: Office) -> None:
    approval = office.ask()
    assert press(office, "approve", approval, "U0EVE").startswith("Your vote does not count: U0EVE is nobody")
    assert (office.votes(), office.state()) == ([], "awaiting_approval")


def test_a_button_in_slack_denies(office: Office) -> None:
    assert press(office, "deny", office.ask(), "U0BEN").startswith("Denied")
    assert office.votes() == [("ben", False)]


def test_a_button_of_a_question_that_is_gone_says_so(office: Office) -> None:
    assert "There is no approval" in press(office, "approve", UUID(int=7), "U0BEN")


# ---- Text messages ---------------------------------------------------------------------------------


def reply(office: Office, said: str, number: str = "+491511234567") -> str:
    path = "/api/v1/interactions/twilio/reply"
    fields = {"From": number, "Body": said}
    address = f"https://hm.example.com{path}"
    signed = address + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    signature = base64.b64encode(hmac.new(b"geheim", signed.encode(), hashlib.sha1).digest()).decode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    answer = office.client(None).post(path, data=urlencode(fields), headers=headers)
    assert answer.status_code == 200, answer.text
    found = re.search("<Message>(.*)</Message>", answer.text)
    return found[1] if found else ""


def test_a_text_message_answers_what_a_runbook_asks(office: Office) -> None:
    office.ask()
    assert reply(office, "Approve 1", "+15005550001") == ""
    assert reply(office, "approve 7") == "There is no approval 7."
    assert office.votes() == []
    assert reply(office, " APPROVE #1. ") == "Approved: the runbook goes on."
    assert office.votes() == [("ada", True)]
    assert reply(office, "deny 1") == "This question is decided already."
