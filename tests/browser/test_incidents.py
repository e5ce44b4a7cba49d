"""The list of incidents, and the page of one, in a real browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, insert, select, update

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.cause import Cause, CauseKind, Evidence, EvidenceKind
from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Level, Named, Policy
from healthmgr.domain.plan import Course, Leg, Plan, Target
from healthmgr.storage.tables import (
    alerts,
    audit_entries,
    check_states,
    incident_causes,
    incident_subscribers,
    incident_tasks,
    incidents,
)
from healthmgr.storage.tracing_rows import to_document
from tests.browser.conftest import Open
from tests.builders import make_alert, make_check, make_entry, make_incident, make_notification, make_well

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


def number_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(incidents.c.number)).scalar_one()


@pytest.fixture
def outage(engine: Engine, healthmgr: Healthmgr) -> int:
    """A shop that is down for five minutes: somebody was told, the next level is due in four; the incident's number."""
    now = healthmgr.now()
    make_well(engine, at=now)
    opened_at = now - timedelta(minutes=5)
    shop = make_check(engine, "shop", name="The shop", service="web", status="unhealthy", severity="critical")
    cart = make_check(engine, "cart", name="The cart", service="web", status="unhealthy", depends_on=["shop"])
    incident = make_incident(
        engine, severity="critical", opened_at=opened_at, labels={"service": "web"}, last_told_at=opened_at,
        climb_at=now + timedelta(minutes=4),
    )  # fmt: skip
    root = make_alert(
        engine, shop, incident_id=incident, severity="critical", opened_at=opened_at,
        summary="503 Service Unavailable", labels={"service": "web"},
    )  # fmt: skip
    make_alert(engine, cart, incident_id=incident, opened_at=opened_at, suppressed_by_id=root)
    make_notification(engine, incident, state="sent", recipient="alice", channel="mail", sent_at=opened_at)
    make_entry(engine, incident, "opened", at=opened_at, detail={"severity": "critical", "route": "default"})
    return number_of(engine)


def test_an_incident_says_what_broke_who_was_told_and_who_is_next(open_page: Open, outage: int) -> None:
    page = open_page(path=f"/ui/incidents/{outage}")
    expect(page.get_by_role("heading", name=f"#{outage} The shop")).to_be_visible()
    expect(page.get_by_label("Alerts")).to_contain_text("503 Service Unavailable")
    expect(page.get_by_label("Blast radius")).to_contain_text("The cart")
    expect(page.get_by_label("Notifications")).to_contain_text("alice over mail")
    expect(page.get_by_label("Escalation")).to_contain_text("The next level in")
    countdown = page.get_by_label("Escalation").locator("hm-time").first
    assert countdown.evaluate("element => element.shadowRoot.textContent") == "3 min"
    expect(page.get_by_label("Timeline")).to_contain_text("Opened as critical, by the route default")


def test_it_says_how_far_it_has_climbed_and_what_speaks_for_a_cause(
    open_page: Open, keep_picture, engine: Engine, healthmgr: Healthmgr
) -> None:
    now = healthmgr.now()
    shop = make_check(engine, "shop", status="unhealthy")
    levels = [Level("", (Named.parse(f"schedule:{name}"),), timedelta(minutes=5)) for name in ("day", "night", "boss")]
    legs = (Leg("default", (), timedelta(hours=1), policy=Policy("standard", tuple(levels), repeat=1)),)
    plan = Plan({Severity.HIGH: Course(legs)}, Leg("default", (Target("ops", "mail", "x"),), timedelta(hours=1)))
    incident = make_incident(
        engine, opened_at=now, climb_level=2, climb_at=now + timedelta(minutes=4), plan=plan.to_document()
    )  # fmt: skip
    make_alert(engine, shop, incident_id=incident)
    make_entry(engine, incident, "level_passed", reason="nobody_on_call", detail={"level": 1, "name": ""})
    evidence = (Evidence(EvidenceKind.FIRST, 1.5, "8 s before all others"),
                Evidence(EvidenceKind.BELOW, -2.0, "dns above it is in trouble " + EVIL))  # fmt: skip
    cause = to_document(Cause(CauseKind.CHECK, "shop", -0.5, evidence, "web", now))
    with engine.begin() as connection:
        connection.execute(insert(incident_causes).values(incident_id=incident, found_at=now, causes=[cause]))
    make_notification(
        engine, incident, state="failed", recipient="bob", channel="text", reason="first_notification",
        state_reason="rejected",
    )  # fmt: skip
    page = open_page(path=f"/ui/incidents/{number_of(engine)}")
    climbed = page.get_by_label("Levels of standard").get_by_role("listitem")
    expect(climbed.nth(0)).to_contain_text("schedule day told")
    expect(climbed.nth(1)).to_contain_text("passed: nobody is on call")
    expect(climbed.nth(2)).to_contain_text("schedule boss next")
    causes = page.get_by_label("Probable causes")
    expect(causes.locator(".evidence li").first).to_contain_text("+1.58 s before all others")
    expect(causes.locator(".is-against")).to_contain_text("-2.0")
    expect(page.get_by_label("Notifications")).to_contain_text("because it is new")
    assert page.evaluate("window.hacked") is None
    keep_picture(page, "incident-climb")


def test_what_falls_with_it_is_drawn_and_leads_to_the_checks(open_page: Open, outage: int, engine: Engine) -> None:
    make_check(engine, "pay", name="Paying " + EVIL, depends_on=["shop"], status="unhealthy")
    make_check(engine, "orders", depends_on=["pay"])
    for at in range(13):
        make_check(engine, f"report-{at:02}", name=f"A report with a name that is long {at}", depends_on=["pay"])
    page = open_page(path=f"/ui/incidents/{outage}")
    picture = page.get_by_label("Picture of what falls")
    expect(picture.get_by_role("link")).to_have_count(15)
    expect(picture).to_contain_text("and 2 more")
    assert page.evaluate("window.hacked") is None
    with engine.begin() as connection:
        connection.execute(update(check_states).values(status="unhealthy"))
    expect(picture.get_by_role("link", name="orders, unhealthy")).to_be_visible()
    picture.get_by_role("link", name="orders").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/checks/orders")


def test_it_is_acknowledged_with_a_comment_from_the_keyboard_alone(
    open_page: Open, outage: int, engine: Engine
) -> None:
    page = open_page(path=f"/ui/incidents/{outage}")
    page.get_by_role("button", name="Acknowledge").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Comment").fill("I am on it")
    dialog.get_by_role("button", name="Acknowledge").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Incident", exact=True)).to_contain_text("acknowledged by responder-token")
    expect(page.get_by_label("Timeline")).to_contain_text("I am on it")
    expect(page.get_by_label("Escalation")).to_contain_text("Nobody, while it is in hand")
    with engine.connect() as connection:
        kept = connection.execute(select(audit_entries.c.detail).where(audit_entries.c.origin.like("dashboard%")))
        assert any("I am on it" in str(detail) for detail in kept.scalars())


def test_what_an_act_needs_is_asked_for_and_what_is_missing_is_said(
    open_page: Open, outage: int, engine: Engine
) -> None:
    page = open_page(path=f"/ui/incidents/{outage}")
    page.get_by_role("button", name="Add a task").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_text("This is needed")).to_be_visible()
    dialog.get_by_label("What").fill("Call the vendor")
    dialog.get_by_role("button", name="Add").click()
    expect(page.get_by_label("Command")).to_contain_text("Call the vendor")
    page.get_by_role("button", name="Task 1 is done").click()
    expect(page.get_by_label("Command")).to_contain_text("done by responder-token")
    with engine.connect() as connection:
        assert connection.execute(select(incident_tasks.c.title)).scalar_one() == "Call the vendor"


def test_an_act_that_is_not_possible_says_why(open_page: Open, outage: int) -> None:
    page = open_page(path=f"/ui/incidents/{outage}")
    page.get_by_role("button", name="Merge").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("The other's number").fill("no number")
    dialog.get_by_role("button", name="Merge").click()
    expect(page.get_by_text("is no number of an incident")).to_be_visible()


def test_an_alert_that_was_not_over_is_opened_again(open_page: Open, outage: int, engine: Engine) -> None:
    page = open_page(path=f"/ui/incidents/{outage}")
    assert page.get_by_role("button", name="was not over").count() == 0
    page.get_by_role("button", name="Resolve").click()
    page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    page.get_by_role("button", name="The shop was not over").click()
    page.get_by_role("dialog").get_by_label("Comment").fill("It still fails")
    page.get_by_role("dialog").get_by_role("button", name="Open it again").click()
    expect(page.get_by_label("Timeline")).to_contain_text("It still fails")
    expect(page.get_by_label("Incident", exact=True)).to_contain_text("firing")
    with engine.connect() as connection:
        assert connection.execute(select(alerts.c.resolved_at).where(alerts.c.suppressed_by_id.is_(None))).all() == [
            (None,)
        ]


def test_somebody_who_hears_of_updates_is_let_go(open_page: Open, outage: int, engine: Engine) -> None:
    with engine.begin() as connection:
        incident = connection.execute(select(incidents.c.id)).scalar_one()
        values = {"incident_id": incident, "person": "alice", "since_at": func.now()}
        connection.execute(insert(incident_subscribers).values(values))
    page = open_page(path=f"/ui/incidents/{outage}")
    expect(page.get_by_label("Command")).to_contain_text("told of updates")
    page.get_by_role("button", name="Do not tell alice of updates any more").click()
    expect(page.get_by_label("Command")).not_to_contain_text("told of updates")
    with engine.connect() as connection:
        assert connection.execute(select(incident_subscribers)).first() is None


def test_many_are_taken_in_hand_at_once_and_how_many_is_seen_before(
    open_page: Open, outage: int, engine: Engine
) -> None:
    for at in range(2):
        other = make_incident(engine, severity="low", group_key=f"other {at}")
        make_alert(engine, make_check(engine, f"blog-{at}"), incident_id=other, severity="low", labels={"tier": "low"})
    page = open_page(path="/ui/incidents?severity=low")
    page.get_by_role("button", name="Acknowledge many").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Alerts like this")).to_have_value("severity=low")
    expect(dialog.get_by_label("How many")).to_contain_text("2 incidents that nobody has in hand")
    dialog.get_by_label("Alerts like this").fill("tier=~[")
    expect(dialog.get_by_label("How many").locator(".fault")).to_be_visible()
    dialog.get_by_label("Alerts like this").fill("")
    expect(dialog.get_by_label("How many")).to_contain_text("3 incidents that nobody has in hand: all of them")
    dialog.get_by_label("Alerts like this").fill("tier=low")
    expect(dialog.get_by_label("How many")).to_contain_text("2 incidents")
    dialog.get_by_label("Comment").fill("The night shift sees to it")
    dialog.get_by_role("button", name="Acknowledge them").click()
    expect(page.get_by_text("2 incidents are yours")).to_be_visible()
    expect(page.locator("article.incident").first).to_contain_text("acknowledged by responder-token")
    with engine.connect() as connection:
        kept = connection.execute(select(incidents.c.acknowledged_by).order_by(incidents.c.number)).scalars().all()
    assert kept == [None, "responder-token", "responder-token"]


def test_all_of_it_is_resolved_and_a_report_drafted(open_page: Open, outage: int) -> None:
    page = open_page(path=f"/ui/incidents/{outage}")
    page.get_by_role("button", name="Resolve").click()
    page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    expect(page.get_by_label("Alerts")).to_contain_text("resolved")
    page.get_by_role("link", name="Draft a report").click()
    expect(page.locator("pre.report")).to_contain_text("The shop")


def test_a_viewer_sees_all_and_does_nothing(open_page: Open, outage: int, engine: Engine) -> None:
    page = open_page("viewer", f"/ui/incidents/{outage}")
    expect(page.get_by_label("Timeline")).to_be_visible()
    assert page.locator("[data-act]").count() == 0
    for data in ("act: 'resolve'", "act: 'unsubscribe', person: 'alice'", "act: 'reopen_alert', alert: ''"):
        page.evaluate(f"emitEvent('act', {{{data}}})")
        expect(page.get_by_text("This needs the role responder").first).to_be_visible()
    with engine.connect() as connection:
        assert connection.execute(select(incidents.c.resolved_at)).scalar_one() is None


def test_the_list_is_sifted_by_state_and_severity_in_the_address(open_page: Open, outage: int) -> None:
    page = open_page(path="/ui/incidents")
    expect(page.locator("article.incident")).to_have_count(1)
    page.get_by_label("Severity").get_by_role("link", name="low").click()
    page.wait_for_url("**/ui/incidents?severity=low")
    expect(page.get_by_text("No incident is like that")).to_be_visible()
    page.get_by_label("State").get_by_role("link", name="all").click()
    page.wait_for_url("**/ui/incidents?state=all&severity=low")


def test_an_incident_that_is_not_there_is_told_so(open_page: Open, healthmgr: Healthmgr) -> None:
    page = open_page(path="/ui/incidents/4711")
    expect(page.get_by_role("alert")).to_contain_text("There is no incident #4711")


def test_the_link_of_a_message_leads_here(open_page: Open, outage: int, site: str) -> None:
    page = open_page(path=f"/incidents/{outage}")
    expect(page.get_by_role("heading", name=f"#{outage} The shop")).to_be_visible()


def test_what_alerts_say_is_shown_as_text(open_page: Open, engine: Engine, healthmgr: Healthmgr) -> None:
    check = make_check(engine, "evil", name=EVIL, status="unhealthy")
    incident = make_incident(engine, labels={EVIL: EVIL})
    make_alert(engine, check, incident_id=incident, summary=EVIL, labels={EVIL: EVIL})
    make_entry(engine, incident, "commented", actor=EVIL, detail={"comment": EVIL})
    page = open_page(path=f"/ui/incidents/{number_of(engine)}")
    expect(page.get_by_label("Alerts")).to_contain_text(EVIL)
    expect(page.get_by_label("Timeline")).to_contain_text(EVIL)
    assert page.evaluate("window.hacked") is None
