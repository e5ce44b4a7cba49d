"""The audit log over HTTP."""

from __future__ import annotations

from tests.api.conftest import Whole


def test_actions_are_listed_newest_first_and_sifted(whole: Whole) -> None:
    admin = whole.client("admin")
    admin.post(f"/api/v1/incidents/{whole.incident_id}/comment", json={"comment": "looking"})
    admin.post(f"/api/v1/incidents/{whole.incident_id}/acknowledge")
    found = admin.get("/api/v1/audit", params={"action": "incident"}).json()["items"]
    assert [entry["action"] for entry in found] == ["incident.acknowledge", "incident.comment"]
    assert {entry["actor"] for entry in found} == {"admin-token"}
    assert admin.get("/api/v1/audit", params={"search": "no such thing"}).json()["items"] == []


def test_what_was_done_within_a_time_is_listed(whole: Whole) -> None:
    admin = whole.client("admin")
    for word in ("one", "two"):
        admin.post(f"/api/v1/incidents/{whole.incident_id}/comment", json={"comment": word})
    second, first = admin.get("/api/v1/audit", params={"action": "incident"}).json()["items"]
    for bounds, left in (({"from": second["at"]}, [second]), ({"to": second["at"]}, [first])):
        found = admin.get("/api/v1/audit", params={"action": "incident", **bounds}).json()["items"]
        assert found == left


def test_the_log_is_read_in_pages(whole: Whole) -> None:
    admin = whole.client("admin")
    for word in ("one", "two", "three"):
        admin.post(f"/api/v1/incidents/{whole.incident_id}/comment", json={"comment": word})
    first = admin.get("/api/v1/audit", params={"action": "incident", "limit": 2}).json()
    second = admin.get("/api/v1/audit", params={"action": "incident", "limit": 2, "cursor": first["next_cursor"]})
    assert (len(first["items"]), len(second.json()["items"]), second.json()["next_cursor"]) == (2, 1, None)


def test_only_admins_read_it(whole: Whole) -> None:
    assert whole.client("responder").get("/api/v1/audit").status_code == 403
    assert whole.client().get("/api/v1/audit").status_code == 401
