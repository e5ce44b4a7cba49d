"""Runbooks over HTTP: a whole installation, nothing replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import build
from healthmgr.settings import Settings
from tests.serving import SECRET_KEY, HttpClient, ServedApp

As = Callable[[str | None], HttpClient]

BOOKS = """\
version: 1
channels: {chat: {kind: slack, config: {webhook_url: "https://hooks.slack.com/services/T/B/x"}}}
people: {ada: {contacts: {chat: ""}}}
teams: {web: [ada]}
routing: {default: {to: ada, via: chat}}
checks:
  shop: {kind: tcp, config: {host: 127.0.0.1, port: 1}, labels: {host: web-1}, recovery_procedure: restart-shop}
runbooks:
  restart-shop:
    name: Restart the shop
    automation: fully_automated
    team: web
    trigger: {match: host=web-1, severity: [critical, high]}
    approval: {by: ["team:web"]}
    parameters: {unit: shop}
    steps:
      - {notification: "Restarting {{ parameters.unit }} on {{ labels.host }}"}
      - {service_restart: "{{ parameters.unit }}", timeout: 1m}
"""


@pytest.fixture
def books(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[As]:
    healthmgr = build(Settings(database_url=database_url, secret_key=SECRET_KEY), worker="api")
    path = tmp_path / "books.yaml"
    path.write_text(BOOKS, encoding="utf-8")
    now = healthmgr.clock.now()
    healthmgr.defining.apply(path, actor="test", origin="test", now=now)
    served.app.state.parts = healthmgr

    def client(role: str | None) -> HttpClient:
        token = healthmgr.tokens.ensure(f"{role}-token", role, None, now) if role else None
        return HttpClient(served.url, token)

    yield client
    healthmgr.close()


def test_runbooks_are_listed(books: As) -> None:
    (item,) = books("viewer").get("/api/v1/runbooks").json()["items"]
    assert item["updated_at"].endswith("Z")
    assert {key: value for key, value in item.items() if key != "updated_at"} == {
        "name": "restart-shop",
        "title": "Restart the shop",
        "automation": "fully_automated",
        "starts": 'hard, host="web-1", critical, high',
        "checks": ["shop"],
        "steps": ["notification", "service_restart"],
        "team": "web",
        "managed_by": "file:books.yaml",
    }


def test_a_runbook_is_shown_as_it_is_defined(books: As) -> None:
    definition = books("viewer").get("/api/v1/runbooks/restart-shop").json()["definition"]
    assert definition["trigger"] == {
        "checks": [],
        "match": ['host="web-1"'],
        "severity": ["critical", "high"],
        "on": "hard",
    }
    assert definition["steps"][1]["config"] == {"service": "{{ parameters.unit }}"}
    assert definition["steps"][1]["timeout"] == "1m"


def test_a_dry_run_for_a_check_says_what_would_happen_and_changes_no_row(books: As, engine: Engine) -> None:
    tables = ("runs", "run_steps", "approvals", "incidents", "notifications", "audit_entries")

    def counted() -> list[int]:
        with engine.connect() as connection:
            return [connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]

    client = books("viewer")
    before = counted()
    found = client.post(
        "/api/v1/runbooks/restart-shop/dry-run", json={"check": "shop", "parameters": {"unit": "shop-2"}}
    ).json()
    assert counted() == before
    assert (found["target"], found["labels"]["host"], found["parameters"]) == ("shop", "web-1", {"unit": "shop-2"})
    assert [step["does"] for step in found["steps"]] == [
        "tell over the incident's channels: Restarting shop-2 on web-1",
        "restart shop-2 by systemd and wait until it runs",
    ]
    assert found["may_start"] is False
    assert found["words"]


def test_a_critical_problem_asks_also_where_everything_else_goes_by_itself(books: As) -> None:
    client = books("viewer")
    mild, grave = (
        client.post(
            "/api/v1/runbooks/restart-shop/dry-run", json={"labels": {"host": "a", "severity": severity}}
        ).json()
        for severity in ("low", "critical")
    )
    assert mild["approval"] is None
    assert grave["approval"] == {"needed": 1, "approvers": ["team:web"], "expires_after": "PT30M"}
    assert (mild["may_start"], grave["severity"]) == (None, "critical")


HOSTILE = '"; rm -rf / $(id) `id` {{ parameters.unit }} ${HOME} %s\n<script>'


def test_what_is_given_to_a_dry_run_stays_text(books: As) -> None:
    wanted = {"labels": {"host": HOSTILE}, "parameters": {"unit": "x" * 9000}}
    told, restarted = books("viewer").post("/api/v1/runbooks/restart-shop/dry-run", json=wanted).json()["steps"]
    assert told["fault"].startswith("message: 'parameters.unit' is 9000 bytes long")
    assert restarted["fault"].startswith("service: 'parameters.unit' is 9000 bytes long")
    wanted = {"labels": {"host": HOSTILE}, "parameters": {"unit": HOSTILE}}
    told, restarted = books("viewer").post("/api/v1/runbooks/restart-shop/dry-run", json=wanted).json()["steps"]
    assert "{{ parameters.unit }} ${HOME}" in told["does"]
    assert restarted["does"] == ""
    assert restarted["fault"].startswith("service: ")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/api/v1/runbooks/restart-shap", None, 404, "did you mean 'restart-shop'?"),
        ("GET", "/api/v1/runbooks/a%00b", None, 400, "NUL"),
        ("POST", "/api/v1/runbooks/nothing/dry-run", {}, 404, "There is no runbook 'nothing'"),
        ("POST", "/api/v1/runbooks/restart-shop/dry-run", {"check": "shap"}, 404, "There is no check 'shap'"),
        ("POST", "/api/v1/runbooks/restart-shop/dry-run", {"check": "a\0b"}, 422, "check"),
        ("POST", "/api/v1/runbooks/restart-shop/dry-run", {"parameters": {"size": 1}}, 409, "it takes unit"),
        (
            "POST",
            "/api/v1/runbooks/restart-shop/dry-run",
            {"labels": {"severity": "grave"}},
            409,
            "no severity 'grave'",
        ),
        ("POST", "/api/v1/runbooks/restart-shop/dry-run", {"chek": "shop"}, 422, "chek"),
        ("POST", "/api/v1/runbooks/restart-shop/dry-run", {"labels": {"host": 5}}, 422, "host"),
    ],
)
def test_what_cannot_be_is_refused(
    books: As, method: str, path: str, body: dict[str, object] | None, status: int, words: str
) -> None:
    answer = books("viewer").request(method, path, json=body)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text


def test_a_token_is_needed(books: As) -> None:
    assert books(None).get("/api/v1/runbooks").status_code == 401
    assert books(None).post("/api/v1/runbooks/restart-shop/dry-run", json={}).status_code == 401
    assert books("ingest").get("/api/v1/runbooks").status_code == 403
