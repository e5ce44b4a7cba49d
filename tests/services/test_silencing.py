"""Silences over real rows: what each change stores, audits, and tells the timelines of the incidents that it hits."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.silence import Draft, SilenceState
from healthmgr.errors import Conflict, DefinitionError, NotFound
from healthmgr.services.silencing import Silencing
from healthmgr.storage.silencing_rows import SilencingRows
from healthmgr.storage.transactions import Transactions
from tests.builders import NOW, make_alert, make_check, make_incident, make_notification

WHO = {"actor": "bob", "origin": "test"}
HOUR = timedelta(hours=1)


@pytest.fixture
def silencing(engine: Engine) -> Silencing:
    return Silencing(Transactions(engine, SilencingRows))


def draft(matchers: str = "service=shop", **fields: object) -> Draft:
    values = {"ends_at": NOW + HOUR, "created_by": "bob", "comment": "moving the pool"} | fields
    return Draft(matchers=parse_matchers(matchers), **values)  # type: ignore[arg-type]


def shop_is_down(engine: Engine, *slugs: str, severity: str = "high") -> tuple[UUID, list[UUID]]:
    """An incident of the service `shop` with an alert of each of these checks."""
    incident = make_incident(engine, severity=severity, labels={"service": "shop"})
    alerts = []
    for slug in slugs:
        check = make_check(engine, slug, service="shop", severity=severity)
        labels = {"check": slug, "service": "shop"}
        alerts.append(make_alert(engine, check, incident_id=incident, severity=severity, labels=labels))
    return incident, alerts


def rows(engine: Engine, statement: str) -> list[dict[str, object]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(statement)).mappings()]


ENTRIES = "SELECT kind, reason, actor, detail FROM incident_entries ORDER BY id"
AUDIT = "SELECT actor, origin, action, target, detail FROM audit_entries ORDER BY id"


def test_a_silence_is_kept_audited_and_told_to_the_timeline_of_what_it_hits(
    engine: Engine, silencing: Silencing
) -> None:
    shop_is_down(engine, "till", "stock")
    saved = silencing.save(draft(), now=NOW, **WHO)
    assert silencing.get(saved.id) == saved
    assert saved.state(NOW) is SilenceState.ACTIVE
    [entry] = rows(engine, ENTRIES)
    assert (entry["kind"], entry["reason"], entry["actor"]) == ("muted", "silenced", "bob")
    assert entry["detail"] == {
        "silence": str(saved.id),
        "until": saved.ends_at.isoformat(),
        "comment": "moving the pool",
        "alerts": ["till", "stock"],
        "count": 2,
    }
    [audited] = rows(engine, AUDIT)
    assert (audited["action"], audited["target"], audited["origin"]) == ("silence.created", str(saved.id), "test")
