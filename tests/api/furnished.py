"""A whole installation with one of everything in it, for tests that go through every address of the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.services.commanding import Act
from healthmgr.settings import Settings
from healthmgr.storage.tables import metadata
from tests.builders import make_alert, make_entry, make_incident, make_notification, make_result, make_transition
from tests.serving import SECRET_KEY, HttpClient, ServedApp

DEFINED = """\
version: 1
channels:
  mail: {kind: loopback}
people:
  alice: {contacts: {mail: alice@example.com}}
  bob: {contacts: {mail: bob@example.com}}
teams: {web: [alice, bob]}
schedules:
  primary:
    timezone: UTC
    layers: [{rotation: {type: daily, length: 1, start: "2026-01-05 00:00", members: [alice, bob]}}]
escalation_policies:
  standard: {levels: [{to: "schedule:primary"}]}
routing:
  critical: {escalation: standard}
  default: {to: alice, via: mail}
checks:
  shop: {kind: tcp, config: {host: 127.0.0.1, port: 1}, severity: critical, service: web, depends_on: [database]}
  database: {kind: tcp, config: {host: 127.0.0.1, port: 1}, service: data}
  lone: {kind: tcp, config: {host: 127.0.0.1, port: 1}, service: data}
  backup: {kind: heartbeat, config: {period: 1h}}
runbooks:
  restart:
    automation: manual
    approval: {needed: 1, by: ["team:web"]}
    steps: [{service_restart: shop}]
slos:
  shop-works: {service: web, objective: 99.9%}
maintenance:
  move: {matchers: [service=other], starts_at: 2036-11-24T22:00:00Z, ends_at: 2036-11-25T02:00:00Z}
status_page:
  title: The shop
  groups: [{name: Shop, checks: [shop]}]
"""
ROLES = ("viewer", "responder", "admin", "ingest")


@dataclass(frozen=True)
class Furnished:
    """A served installation, and what there is in it by the names that addresses have for it."""

    url: str
    healthmgr: Healthmgr
    engine: Engine
    document: Mapping[str, Any]
    known: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, name: str, role: str) -> str:
        """A token of this name and role, the same each time."""
        if name not in self.tokens:
            self.tokens[name] = self.healthmgr.tokens.ensure(name, role, None, self.healthmgr.now())
        return self.tokens[name]

    def client(self, name: str, role: str) -> HttpClient:
        """A client with such a token."""
        return HttpClient(self.url, self.token(name, role))

    def operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Method, address as a pattern, and what the document says, of every operation."""
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield method.upper(), path, operation

    def fill(self, path: str) -> str:
        """An address of something that there is, by its pattern."""
        words = path.split("/")
        for place, word in enumerate(words):
            if word.startswith("{"):
                below, name = words[place - 1], word.strip("{}").removesuffix(":path")
                words[place] = self.known.get(f"{below}/{name}") or self.known[name]
        return "/".join(words)

    def rows(self) -> dict[str, tuple[Any, ...]]:
        """Every table's rows as a digest, but for tokens, whose every use is noted."""
        query = "SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t"
        names = [table.name for table in metadata.sorted_tables if table.name != "access_tokens"]
        with self.engine.connect() as connection:
            return {name: tuple(connection.execute(text(query.format(name))).one()) for name in names}


@contextmanager
def furnished(engine: Engine, database_url: str, folder: Path, served: ServedApp) -> Iterator[Furnished]:
    """Have the server answer from it until the context ends."""
    settings = Settings(database_url=database_url, secret_key=SECRET_KEY, public_url="https://hm.example.com")
    healthmgr = build(settings, worker="api")
    path = folder / "healthmgr.yaml"
    path.write_text(DEFINED, encoding="utf-8")
    healthmgr.defining.apply(path, actor="test", origin="test", now=healthmgr.now())
    served.app.state.parts = healthmgr
    try:
        whole = Furnished(served.url, healthmgr, engine, served.app.openapi())
        _put_in(whole)
        yield whole
    finally:
        healthmgr.close()


def _put_in(whole: Furnished) -> None:
    healthmgr, engine, known = whole.healthmgr, whole.engine, whole.known
    now = healthmgr.now()
    with engine.begin() as connection:
        shop = connection.execute(text("SELECT id FROM checks WHERE slug = 'shop'")).scalar_one()
        connection.execute(
            text(
                "UPDATE check_states SET status = 'unhealthy', hard_status = 'unhealthy', last_result_at = :now, "
                "since_at = :now WHERE check_id = :shop"
            ),
            {"now": now, "shop": shop},
        )
        connection.execute(
            text(
                "INSERT INTO dependency_suggestions (check_id, parent_id, together, confidence, lift, lag, seen_at)"
                " SELECT c.id, p.id, 5, 0.83, 120, interval '20 s', now() FROM checks c, checks p"
                " WHERE c.slug = 'lone' AND p.slug = 'database'"
            )
        )
    make_result(engine, shop, sequence=1)
    make_transition(engine, shop)
    incident = make_incident(engine, severity="critical", opened_at=now, labels={"service": "web"})
    make_entry(engine, incident, "opened", at=now)
    alert = make_alert(engine, shop, incident_id=incident, severity="critical", opened_at=now, labels={"check": "shop"})
    make_notification(engine, incident)
    known["alert_id"] = str(alert)
    known["incidents/which"] = str(healthmgr.reading.incident(incident).number)
    started = healthmgr.recovery.recovering.start("restart", Act("cy", "test", now), check="shop")
    known["runs/which"] = str(started.run_id)
    known["approvals/which"] = str(healthmgr.recovery.reading.approvals()[0].id)
    known |= {
        "slug": "shop", "check": "lone", "parent": "database", "suggestions/check": "lone", "person": "alice",
        "channel": "mail", "subject": "schedule", "role": "commander", "service": "web", "instance": "shop",
        "schedules/name": "primary", "maintenance/name": "move", "runbooks/name": "restart", "slos/name": "shop-works",
        "tokens/name": "spare", "users/name": "ada", "sessions/name": "ada",
        "schedule/name": "primary", "channels/name": "mail", "kinds/kind": "http",
    }  # fmt: skip
    _ask_for(whole)


def _ask_for(whole: Furnished) -> None:
    """What comes into being through the API alone."""
    admin, known = whole.client("furnisher", "admin"), whole.known
    now = whole.healthmgr.now()
    begin = (now + timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    end = begin + timedelta(days=1)

    def post(path: str, **body: Any) -> dict[str, Any]:
        answer = admin.post(path, json=body)
        assert answer.status_code in (200, 201), (path, answer.text)
        said: dict[str, Any] = answer.json()
        return said

    spare = {"name": "spare", "role": "viewer"}
    post("/api/v1/tokens", **spare)
    post("/api/v1/users", name="ada", password="four plain words here", role="viewer")
    known["silence_id"] = post("/api/v1/silences", matchers=["service=other"], comment="Moving.", lasts_for="2h")["id"]
    shift = {"starts_at": begin.isoformat(), "ends_at": end.isoformat()}
    schedule = whole.healthmgr.oncall.reading.schedule("primary", begin, 1, now)
    holder = schedule.on_call[0] if schedule.on_call else "alice"
    other = "bob" if holder == "alice" else "alice"
    known["change_id"] = post("/api/v1/oncall/schedules/primary/overrides", add=other, remove=holder, **shift)["id"]
    known["swap_id"] = _swap(whole)
    post("/api/v1/incidents/" + known["incidents/which"] + "/tasks", title="Look why.")
    known["tasks/number"] = "1"
    known["announcements/number"] = str(
        post("/api/v1/announcements", title="Orders fail", message="We are looking.", state="investigating")["number"]
    )
    post("/api/v1/changes", title="shop 2.0", service="web")
    webhook = post("/api/v1/webhooks", url="https://hooks.example.com/healthmgr", description="Nobody delivers here.")
    known["webhook_id"] = webhook["webhook"]["id"]
    known["delivery_id"] = admin.post(f"/api/v1/webhooks/{known['webhook_id']}/test").json()["id"]


def _swap(whole: Furnished) -> str:
    """alice has asked bob to take one of her turns."""
    now = whole.healthmgr.now()
    begin = (now + timedelta(days=10)).replace(hour=0, minute=0, second=0, microsecond=0)
    admin = whole.client("furnisher", "admin")
    for days in range(2):
        at = begin + timedelta(days=days)
        wanted = {
            "proposed_by": "alice", "proposed_to": "bob", "given_from": at.isoformat(),
            "given_to": (at + timedelta(days=1)).isoformat(),
        }  # fmt: skip
        answer = admin.post("/api/v1/oncall/schedules/primary/swaps", json=wanted)
        if answer.status_code == 201:
            return str(answer.json()["id"])
    raise AssertionError(answer.text)
