"""Events told to other programs: by a real POST, signed, at least once and by the same id at every try."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import text
from standardwebhooks import Webhook as Verifier
from werkzeug import Request, Response

from healthmgr.domain.dispatch import Work
from healthmgr.domain.notification import SEND_LEASE
from healthmgr.domain.webhook import KEPT_FOR, MOST_WEBHOOKS
from healthmgr.services import eventing
from healthmgr.services.relaying import Relaying
from healthmgr.storage.relaying_rows import RelayingRows
from healthmgr.storage.transactions import Transactions
from tests.api.conftest import Whole
from tests.serving import SECRET_KEY

URL = "/api/v1/webhooks"


@dataclass
class Receiver:
    """A program that is told of events; it answers with these statuses, the last of them from then on."""

    url: str
    statuses: list[int] = field(default_factory=lambda: [204])
    heard: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        self.heard.append((request.headers["webhook-id"], request.get_json(), dict(request.headers)))
        self.bodies = [*getattr(self, "bodies", []), request.get_data(as_text=True)]
        return Response(status=self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0])

    def types(self) -> list[str]:
        return [body["type"] for _, body, _ in self.heard]


@dataclass
class World:
    """An installation with a receiver, and a clock that tests move."""

    whole: Whole
    receiver: Receiver
    now: datetime
    webhook_id: str = ""
    secret: str = ""

    def add(self, **wanted: Any) -> dict[str, Any]:
        answer = self.ask("POST", "", json={"url": self.receiver.url, **wanted})
        assert answer.status_code == 201, answer.text
        self.webhook_id, self.secret = answer.json()["webhook"]["id"], answer.json()["secret"]
        return dict(answer.json()["webhook"])

    def ask(self, method: str, path: str, **more: Any) -> Any:
        return self.whole.client("admin").request(method, f"{URL}{path}", **more)

    def shown(self) -> dict[str, Any]:
        return dict(self.ask("GET", f"/{self.webhook_id}").json())

    def deliveries(self, **params: str) -> list[dict[str, Any]]:
        return list(self.ask("GET", f"/{self.webhook_id}/deliveries", params=params).json()["items"])

    def note(self, *names: str, **data: Any) -> None:
        with self.whole.engine.begin() as connection:
            for name in names:
                values = {"name": name, "data": json.dumps(data)}
                connection.execute(text("INSERT INTO events (at, name, data) VALUES (now(), :name, :data)"), values)
        self.whole.healthmgr.eventing.publish(self.now)

    def work(self, after: timedelta = timedelta(0)) -> None:
        """What workers do in this time: spread, and deliver what the sweep finds due."""
        self.now += after
        hooks = self.whole.healthmgr.webhooks.relaying
        hooks.spread(self.now)
        for due in self.whole.healthmgr.upkeep.sweep(self.now):
            if due.work is Work.WEBHOOK and due.due_at <= self.now:
                assert due.lane == self.webhook_id
                hooks.send(UUID(due.key), lambda: self.now, lambda taken: None)


@pytest.fixture
def world(whole: Whole, httpserver: HTTPServer) -> Iterator[World]:
    receiver = Receiver(httpserver.url_for("/hook?key=of-its-own"))
    httpserver.expect_request("/hook").respond_with_handler(receiver.answer)
    whole.healthmgr.eventing.publish(whole.now)
    return World(whole, receiver, whole.healthmgr.now())


def test_what_is_wanted_is_told_once_and_signed(world: World) -> None:
    world.add(types=["alert_acknowledged"], matchers=["service=web"])
    world.whole.healthmgr.responding.acknowledge(world.whole.alert_id, actor="alice", origin="test", now=world.now)
    world.note("alert_acknowledged", service="other")
    world.work()
    world.work(timedelta(minutes=1))
    (key, body, headers), (raw,) = world.receiver.heard[0], world.receiver.bodies
    assert len(world.receiver.heard) == 1
    assert Verifier(world.secret).verify(raw, {name.lower(): value for name, value in headers.items()}) == body
    assert (body["type"], body["labels"]["check"], body["data"]["acknowledged_by"]) == (
        "alert_acknowledged", "shop", "alice",
    )  # fmt: skip
    (delivery,) = world.deliveries()
    assert (delivery["id"], delivery["state"], delivery["event_id"]) == (key, "delivered", body["event_id"])
    assert [(each["status"], each["words"]) for each in delivery["tries"]] == [(204, "204")]


def test_every_try_of_a_delivery_has_its_id_and_others_wait_meanwhile(world: World) -> None:
    world.receiver.statuses = [503, 500, 204]
    world.add()
    world.note("one")
    world.work()
    world.note("two", "three")
    world.work(timedelta(seconds=10))  # held: one failed 10 s ago, and 503 asks for 30
    assert len(world.receiver.heard) == 1
    assert {each["reason"] for each in world.deliveries(state="pending")} == {"webhook_is_failing", ""}
    for _ in range(4):
        world.work(timedelta(minutes=1))
    ids = [key for key, body, _ in world.receiver.heard if body["type"] == "one"]
    assert len(set(ids)) == 1
    assert sorted(set(world.receiver.types())) == ["one", "three", "two"]
    assert {each["state"] for each in world.deliveries()} == {"delivered"}
    assert (world.shown()["failures"], world.shown()["failing_since"]) == (0, None)


class Killed(BaseException):
    """What a worker feels of SIGKILL: nothing of its own runs any more."""


def test_a_worker_that_is_killed_while_it_delivers_costs_time_and_no_event(world: World) -> None:
    world.add()
    world.note("one")
    killed: list[Any] = []

    def post(url: str, key: str, body: Any, secrets: Any, timeout: timedelta) -> Any:
        killed.append(key)
        raise Killed

    dying = Relaying(Transactions(world.whole.engine, RelayingRows), post, SECRET_KEY)
    (due,) = dying.spread(world.now)
    with pytest.raises(Killed):
        dying.send(UUID(due.key), lambda: world.now, lambda taken: None)
    world.work(timedelta(seconds=1))
    assert world.receiver.heard == []  # its lease holds
    world.work(SEND_LEASE)
    assert [key for key, _, _ in world.receiver.heard] == killed
    assert [each["words"] for each in world.deliveries()[0]["tries"]] == ["the worker did not report back", "204"]


def test_what_comes_back_after_its_lease_changes_nothing(world: World) -> None:
    """A delivery that two workers have made: whoever claimed it last has the word."""
    world.add()
    world.note("one")
    hooks = world.whole.healthmgr.webhooks.relaying
    (due,) = hooks.spread(world.now)

    def post(*_: Any) -> Any:
        world.work(SEND_LEASE + timedelta(seconds=1))
        raise Killed

    slow = Relaying(Transactions(world.whole.engine, RelayingRows), post, SECRET_KEY)
    with pytest.raises(Killed):
        slow.send(UUID(due.key), lambda: world.now, lambda taken: None)
    (delivery,) = world.deliveries()
    assert (delivery["state"], [each["status"] for each in delivery["tries"]]) == ("delivered", [None, 204])


def test_who_says_that_it_is_gone_is_disabled_and_what_waits_is_dropped(world: World) -> None:
    world.receiver.statuses = [410]
    world.add()
    world.note("one")
    world.work()
    assert (world.shown()["disabled"], world.shown()["is_enabled"]) == ("answered_410", False)
    world.note("two")
    world.work()
    assert world.receiver.types() == ["one"]
    assert world.ask("POST", f"/{world.webhook_id}/test").status_code == 409
    actions = {(actor, action) for actor, _, action, _ in world.whole.audit()}
    assert actions == {("admin-token", "webhook.add"), ("healthmgr", "webhook.disable")}
    world.receiver.statuses = [200]
    world.ask("PATCH", f"/{world.webhook_id}", json={"is_enabled": True})
    world.note("three")
    world.work()
    assert world.receiver.types() == ["one", "three"]


def test_a_receiver_that_fails_for_days_is_disabled_and_costs_few_tries(world: World) -> None:
    world.receiver.statuses = [500]
    world.add()
    for turn in range(20):
        world.note(f"n{turn}")
        world.work(timedelta(hours=4))
    assert world.shown()["disabled"] == "failed_for_days"
    assert {each["state"] for each in world.deliveries(state="pending")} == set()
    assert 10 < len(world.receiver.heard) < 100


def test_somebody_disables_one_and_what_waits_is_not_told_later(world: World) -> None:
    world.receiver.statuses = [500, 204]
    world.add()
    world.note("one")
    world.work()
    assert world.ask("PATCH", f"/{world.webhook_id}", json={"is_enabled": False}).json()["disabled"] == "by_hand"
    world.work(timedelta(hours=1))
    assert [(each["state"], each["reason"]) for each in world.deliveries()] == [("dropped", "webhook_disabled")]
    world.ask("PATCH", f"/{world.webhook_id}", json={"is_enabled": True, "types": ["incident_opened"]})
    delivery_id = world.deliveries()[0]["id"]
    assert world.ask("POST", f"/{world.webhook_id}/deliveries/{delivery_id}/redeliver").status_code == 202
    world.note("two", "incident_opened")
    world.work()
    assert sorted(world.receiver.types()[1:]) == ["incident_opened", "one"]
    assert world.receiver.heard[0][0] in {key for key, _, _ in world.receiver.heard[1:]}


def test_a_new_secret_signs_beside_the_old_one_for_a_day(world: World) -> None:
    world.add()
    fresh = world.ask("POST", f"/{world.webhook_id}/secret").json()["secret"]
    assert fresh != world.secret
    assert world.ask("POST", f"/{world.webhook_id}/test").json()["type"] == "test"
    world.work(timedelta(seconds=1))
    headers = {name.lower(): value for name, value in world.receiver.heard[0][2].items()}
    for secret in (fresh, world.secret):
        Verifier(secret).verify(world.receiver.bodies[0], headers)
    with world.whole.engine.connect() as connection:
        dumped = connection.execute(text("SELECT string_agg(t::text, '') FROM (TABLE webhooks) t")).scalar_one()
        audited = connection.execute(text("SELECT string_agg(t::text, '') FROM (TABLE audit_entries) t")).scalar_one()
    for secret in (fresh, world.secret):
        assert secret.removeprefix("whsec_") not in dumped + audited + json.dumps(world.shown())
    assert "of-its-own" not in audited


def test_what_was_forgotten_before_it_was_told_is_told_of_by_a_reset(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add(types=["incident_opened"])
    world.note("incident_opened")
    world.whole.healthmgr.eventing.publish(world.now + eventing.KEPT_FOR + timedelta(minutes=1))
    world.note("incident_opened", number=2)
    world.work()
    assert sorted(world.receiver.types()) == ["incident_opened", "reset"]


def test_what_is_over_is_kept_for_days(world: World) -> None:
    world.add()
    world.note("one")
    world.work()
    relaying = world.whole.healthmgr.webhooks.relaying
    assert relaying.forget(world.now + KEPT_FOR - timedelta(minutes=1)) == 0
    assert relaying.forget(world.now + KEPT_FOR + timedelta(minutes=1)) == 1
    assert world.deliveries() == []


def test_two_who_spread_at_once_tell_everything_once(world: World) -> None:
    world.add()
    world.note(*(f"n{i}" for i in range(700)))
    relaying = world.whole.healthmgr.webhooks.relaying
    with Transactions(world.whole.engine, RelayingRows).begin() as rows:
        assert rows.take_webhook(UUID(world.webhook_id)) is not None
        assert relaying.spread(world.now) == []
    assert len(relaying.spread(world.now)) == 700
    assert relaying.spread(world.now) == []


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({"url": "ftp://hooks.example.com/"}, "url"),
        ({"url": "https://alice:s3cr3t@hooks.example.com/"}, "url"),
        ({"url": "http://[::1/"}, "url"),
        ({"url": "https://hooks.example.com/", "description": "NUL \0"}, "description"),
        ({"url": "https://hooks.example.com/", "types": ["nothing"]}, "types"),
        ({"url": "https://hooks.example.com/", "matchers": ["service=~("]}, "matchers"),
    ],
)
def test_what_cannot_be_is_refused(wanted: dict[str, Any], path: str, world: World) -> None:
    answer = world.ask("POST", "", json=wanted)
    assert answer.status_code == 422, answer.text
    assert [fault["path"] for fault in answer.json()["problems"]] == [path]
    assert "s3cr3t" not in answer.text


def test_there_is_a_bound_and_none_of_another_is_shown(world: World) -> None:
    for _ in range(MOST_WEBHOOKS):
        world.add()
    answer = world.ask("POST", "", json={"url": world.receiver.url})
    assert answer.status_code == 409
    first = world.ask("GET", "").json()["items"][0]["id"]
    delivery_id = world.ask("POST", f"/{world.webhook_id}/test").json()["id"]
    assert world.ask("GET", f"/{world.webhook_id}/deliveries/{delivery_id}").status_code == 200
    assert world.ask("GET", f"/{first}/deliveries/{delivery_id}").status_code == 404
    assert world.ask("POST", f"/{first}/deliveries/{delivery_id}/redeliver").status_code == 404
    assert world.ask("DELETE", f"/{first}").status_code == 204
    for path in (f"/{first}", f"/{first}/deliveries"):
        assert world.ask("GET", path).status_code == 404
