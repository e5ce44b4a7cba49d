"""Silences over real rows: what each change stores, audits, and tells the timelines of the incidents that it hits."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
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


def wait_until_blocked(engine: Engine) -> None:
    """Until one session of this database waits for another's lock."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        blocked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        if rows(engine, blocked):
            return
    raise AssertionError("nothing came to wait")


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


def test_a_silence_that_is_still_to_come_tells_no_timeline_yet(engine: Engine, silencing: Silencing) -> None:
    shop_is_down(engine, "till")
    silencing.save(draft(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR), now=NOW, **WHO)
    assert rows(engine, ENTRIES) == []


def test_a_silence_that_hits_nothing_tells_no_timeline(engine: Engine, silencing: Silencing) -> None:
    shop_is_down(engine, "till")
    silencing.save(draft("service=post"), now=NOW, **WHO)
    assert rows(engine, ENTRIES) == []


def test_what_a_changed_silence_does_not_hit_any_more_is_told_to_that_timeline(
    engine: Engine, silencing: Silencing
) -> None:
    shop_is_down(engine, "till")
    saved = silencing.save(draft(), now=NOW, **WHO)
    other = silencing.save(draft("service=post", id=saved.id), now=NOW, **WHO)
    assert other.id != saved.id
    assert silencing.get(saved.id).state(NOW) is SilenceState.EXPIRED
    assert [entry["kind"] for entry in rows(engine, ENTRIES)] == ["muted", "unmuted"]
    last = rows(engine, AUDIT)[-1]
    assert (last["action"], last["target"]) == ("silence.replaced", str(other.id))
    assert last["detail"]["instead_of"] == str(saved.id)  # type: ignore[index]


def test_an_expired_silence_is_told_audited_and_cannot_be_expired_again(engine: Engine, silencing: Silencing) -> None:
    shop_is_down(engine, "till")
    saved = silencing.save(draft(), now=NOW, **WHO)
    over = silencing.expire(saved.id, now=NOW + HOUR / 2, **WHO)
    assert over.ends_at == NOW + HOUR / 2
    assert [entry["kind"] for entry in rows(engine, ENTRIES)] == ["muted", "unmuted"]
    assert [entry["action"] for entry in rows(engine, AUDIT)] == ["silence.created", "silence.expired"]
    with pytest.raises(Conflict):
        silencing.expire(saved.id, now=NOW + HOUR / 2, **WHO)


def test_a_refused_silence_leaves_nothing_behind(engine: Engine, silencing: Silencing) -> None:
    with pytest.raises(DefinitionError):
        silencing.save(draft(comment=""), now=NOW, **WHO)
    with pytest.raises(NotFound):
        silencing.save(draft(id=uuid4()), now=NOW, **WHO)
    assert rows(engine, "SELECT id FROM silences") == rows(engine, AUDIT) == []


def test_what_a_mute_holds_back_is_due_again_with_every_change(engine: Engine, silencing: Silencing) -> None:
    incident, _ = shop_is_down(engine, "till")
    saved = silencing.save(draft(), now=NOW, **WHO)
    make_notification(
        engine, incident, state="pending", state_reason="silenced", sent_at=None, due_at=saved.ends_at, content={}
    )
    silencing.expire(saved.id, now=NOW + HOUR / 2, **WHO)
    assert rows(engine, "SELECT due_at FROM notifications") == [{"due_at": NOW + HOUR / 2}]


def test_silences_are_found_by_state_and_by_their_matchers(silencing: Silencing) -> None:
    active = silencing.save(draft(), now=NOW, **WHO)
    pending = silencing.save(draft("host=db", starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR), now=NOW, **WHO)
    assert [one.id for one in silencing.find(NOW)] == [active.id, pending.id]
    assert silencing.find(NOW, states=(SilenceState.PENDING,)) == [pending]
    assert silencing.find(NOW, matchers=parse_matchers("service=shop")) == [active]
    assert silencing.find(NOW + HOUR, states=(SilenceState.ACTIVE,)) == [pending]


def test_a_preview_counts_only_messages_all_of_whose_open_alerts_are_hit(engine: Engine, silencing: Silencing) -> None:
    incident, (till, stock) = shop_is_down(engine, "till", "stock")
    closed = make_alert(engine, None, name="gone", incident_id=incident, resolved_at=NOW, labels={"check": "gone"})
    for number, firing in enumerate(([till], [till, closed], [till, stock], [])):
        content = {"firing": [str(alert) for alert in firing], "resolved": []}
        waiting = {"state": "pending", "due_at": NOW, "sent_at": None, "content": content}
        make_notification(engine, incident, round=number, **waiting)
    make_notification(engine, incident, round=9, content={"firing": [str(till)], "resolved": []})
    assert silencing.preview(parse_matchers("check=till")).notifications == 2
    both = silencing.preview(parse_matchers("service=shop"))
    assert both.notifications == 3
    assert [(one.alerts, one.open_alerts, one.is_quiet) for one in both.incidents] == [(("till", "stock"), 2, True)]


def test_what_its_root_cause_suppresses_is_hit_but_makes_its_incident_neither_louder_nor_quieter(
    engine: Engine, silencing: Silencing
) -> None:
    incident, (till, _) = shop_is_down(engine, "till", "stock")
    below = make_check(engine, "below", service="shop")
    make_alert(engine, below, incident_id=incident, suppressed_by_id=till, labels={"check": "below", "service": "web"})
    hits = silencing.preview(parse_matchers("service=~shop|web"))
    assert len(hits.alerts) == 3
    assert [(len(one.alerts), one.open_alerts) for one in hits.incidents] == [(2, 2)]
    assert silencing.preview(parse_matchers("service=shop")).incidents[0].is_quiet


def test_an_incident_is_silenced_by_what_it_is_grouped_by(engine: Engine, silencing: Silencing) -> None:
    incident, _ = shop_is_down(engine, "till", severity="medium")
    saved = silencing.silence_incident(incident, until=NOW + HOUR, now=NOW, **WHO)
    assert [str(matcher) for matcher in saved.matchers] == ['service="shop"', 'severity=~"medium|low"']
    assert (saved.created_by, saved.comment) == ("bob", "Incident #1")
    with pytest.raises(DefinitionError):
        silencing.silence_incident(incident, until=NOW, now=NOW, **WHO)


def test_an_incident_that_is_over_or_not_there_cannot_be_silenced(engine: Engine, silencing: Silencing) -> None:
    over = make_incident(engine, resolved_at=NOW)
    with pytest.raises(Conflict, match="#1 is resolved"):
        silencing.silence_incident(over, until=NOW + HOUR, now=NOW, **WHO)
    with pytest.raises(NotFound):
        silencing.silence_incident(uuid4(), until=NOW + HOUR, now=NOW, **WHO)


def test_what_has_been_over_for_five_days_is_forgotten(engine: Engine, silencing: Silencing) -> None:
    saved = silencing.save(draft(), now=NOW, **WHO)
    assert silencing.forget_expired(saved.ends_at + timedelta(days=5)) == 0
    assert silencing.forget_expired(saved.ends_at + timedelta(days=5, seconds=1)) == 1
    assert rows(engine, "SELECT id FROM silences") == []


def test_a_silence_and_whoever_withdraws_a_held_message_do_not_wait_for_each_other(
    engine: Engine, silencing: Silencing
) -> None:
    """Routing and answering lock an incident first and its notifications after it; a change of mutes does the same."""
    incident, _ = shop_is_down(engine, "till")
    with engine.begin() as connection:
        connection.execute(text("UPDATE incidents SET held_reason = 'silenced', due_at = :at"), {"at": NOW + HOUR})
    make_notification(
        engine, incident, state="pending", state_reason="silenced", sent_at=None, due_at=NOW + HOUR, content={}
    )
    with ThreadPoolExecutor(1) as pool, engine.begin() as routing:
        routing.execute(text("SELECT id FROM incidents FOR UPDATE"))
        saving = pool.submit(silencing.save, draft(), now=NOW, **WHO)
        wait_until_blocked(engine)
        routing.execute(text("UPDATE notifications SET state = 'superseded', due_at = NULL"))
        routing.commit()
        assert saving.result(10).state(NOW) is SilenceState.ACTIVE
