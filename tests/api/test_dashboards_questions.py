"""What the dashboard and the command line ask beside checks and incidents: routes, channels, the installation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.api.furnished import Furnished, furnished
from tests.serving import SECRET_KEY, HttpClient, ServedApp


@pytest.fixture
def whole(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[Furnished]:
    with furnished(engine, database_url, tmp_path, served) as made:
        yield made


@pytest.fixture
def admin(whole: Furnished) -> HttpClient:
    return whole.client("root", "admin")


def said(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_tree_is_shown_tried_and_played_through_and_nothing_comes_of_it(
    whole: Furnished, admin: HttpClient
) -> None:
    before = whole.rows()
    root = said(admin.get("/api/v1/routes"))["root"]
    assert [route["name"] for route in root["routes"]] == ["critical"]
    alert = {"labels": {"check": "shop", "severity": "critical"}}
    tried = said(admin.post("/api/v1/routes/test", json=alert))
    assert tried["labels"]["service"] == "web"
    assert [leg["escalation"] for leg in tried["routes"]] == ["standard"]
    assert tried["who"]["legs"]
    played = said(admin.post("/api/v1/routes/simulate", json={**alert, "lasts_for": "1h"}))
    assert {line["recipient"] for line in played["lines"]} & {"alice", "bob"}
    unusable = ({"lasts_for": "8d"}, {"alerts": 10_000}, {"at": "0094-08-18T08:26:26+16:50"})
    for wrong in ({"labels": {"severity": "grave"}}, *({**alert, **each} for each in unusable)):
        assert said(admin.post("/api/v1/routes/simulate", json=wrong), 422)["problems"]
    assert whole.rows() == before


def test_a_channel_is_tried_and_that_is_on_the_audit_log(admin: HttpClient) -> None:
    assert [channel["name"] for channel in said(admin.get("/api/v1/channels"))["items"]] == ["mail"]
    assert said(admin.post("/api/v1/channels/mail/test", json={"to": "alice"}))["is_accepted"]
    (entry,) = said(admin.get("/api/v1/audit", params={"action": "channel.test"}))["items"]
    assert (entry["actor"], entry["target"]) == ("root", "mail")
    said(admin.post("/api/v1/channels/post/test"), 404)


def test_a_message_is_seen_before_it_is_sent_and_nobody_can_answer_with_it(whole: Furnished, admin: HttpClient) -> None:
    before = whole.rows()
    asked = {"incident": whole.known["incidents/which"], "channel": "mail", "to": "alice"}
    shown = said(admin.post("/api/v1/notifications/preview", json=asked))
    assert not shown["is_example"]
    assert f"#{whole.known['incidents/which']}" in shown["subject"]
    links = [word.strip('">') for word in shown["html"].split('href="') if "/answer/" in word]
    assert links, shown["html"]
    address = links[0].split('"')[0].replace("https://hm.example.com", "")
    assert HttpClient(whole.url).post(address).status_code in (403, 404, 410)
    assert said(admin.post("/api/v1/notifications/preview", json={"kind": "resolution"}))["is_example"]
    said(admin.post("/api/v1/notifications/preview", json={"incident": "99"}), 404)
    assert whole.rows() == before


def test_people_are_listed_and_their_addresses_are_for_those_who_act(whole: Furnished, admin: HttpClient) -> None:
    def addresses(client: HttpClient) -> list[str]:
        people = said(client.get("/api/v1/oncall/people"))["items"]
        return [contact["address"] for person in people for contact in person["contacts"]]

    assert addresses(admin) == ["alice@example.com", "bob@example.com"]
    assert addresses(whole.client("eve", "viewer")) == ["", ""]


def test_a_change_of_a_schedule_is_seen_before_it_is_made(whole: Furnished, admin: HttpClient) -> None:
    begin = whole.healthmgr.now() + timedelta(days=40)
    times = {"starts_at": begin.isoformat(), "ends_at": (begin + timedelta(hours=1)).isoformat()}
    address = "/api/v1/oncall/schedules/primary"
    before = whole.rows()
    seen = said(admin.post(f"{address}/overrides/preview", json={**times, "add": "alice", "remove": "bob"}))
    assert [span["people"] for span in seen["after"]] == [["alice"]]
    nobody = said(admin.post(f"{address}/temporaries/preview", json={**times, "shifts": []}))
    assert [span["people"] for span in nobody["after"]] == [[]]
    assert whole.rows() == before


def test_checks_are_shown_as_on_a_board_with_what_is_around_them(whole: Furnished, admin: HttpClient) -> None:
    board = said(admin.get("/api/v1/board", params={"search": "shop"}))
    assert [line["slug"] for line in board["lines"]] == ["shop"]
    assert board["lines"][0]["beats"]
    assert set(board["glances"]) <= {"shop"}
    defined = said(admin.get("/api/v1/checks/shop/definition"))
    assert "depends_on:" in defined["text"]
    assert defined["managed_by"].endswith("healthmgr.yaml")
    near = said(admin.get("/api/v1/checks/shop/neighbours"))
    assert [parent["slug"] for parent in near["parents"]] == ["database"]
    assert said(admin.get("/api/v1/checks/backup/heartbeat"))["heartbeat"]["ping_count"] == 0
    assert said(admin.get("/api/v1/checks/shop/heartbeat"))["heartbeat"] is None
    assert said(admin.get(whole.fill("/api/v1/incidents/{which}/blast")))["columns"] == []


def test_the_detector_is_tried_on_what_is_stored_within_limits(admin: HttpClient) -> None:
    address = "/api/v1/checks/shop/anomalies/backtest"
    assert "has no metric 'nothing'" in said(admin.get(address, params={"metric": "nothing"}), 404)["detail"]
    assert said(admin.get(address, params={"last": "30d", "step": "1m"}), 422)["problems"][0]["path"] == "step"


def test_the_installation_tells_of_itself_and_keeps_its_secrets(whole: Furnished, admin: HttpClient) -> None:
    queues = said(admin.get("/api/v1/queues"))
    assert {"checks", "notifications", "recovery"} <= {queue["name"] for queue in queues["items"]}
    assert queues["notification_lag"] >= 0
    whole.healthmgr.upkeep.pulse("worker", "w1@here", {"queues": ["checks"]}, whole.healthmgr.now())
    (worker,) = said(admin.get("/api/v1/workers"))["items"]
    assert (worker["name"], worker["queues"], worker["is_well"]) == ("w1@here", ["checks"], True)
    assert said(admin.get("/api/v1/statistics"))["health_checks"]["total_checks"] == 4
    shown = admin.get("/api/v1/settings")
    assert {"DATABASE_URL", "escalation.interval"} & {setting["name"] for setting in said(shown)["items"]}
    assert SECRET_KEY not in shown.text
    assert said(admin.get("/api/v1/kinds/http"))["items"][0]["is_for"] == "check"
    said(admin.get("/api/v1/kinds/nothing"), 404)
    assert "checks" in said(admin.get("/api/v1/definitions/schema"))["properties"]
