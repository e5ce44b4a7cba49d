"""Who is on call, in a real browser: schedules at a glance, and one as a calendar that people change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.calendar import zone
from healthmgr.domain.rotation import Rotation
from healthmgr.domain.schedule import Layer
from healthmgr.domain.timewindow import parse_time_interval
from healthmgr.storage.tables import schedule_overrides, schedules, shift_swaps, temporary_schedules
from tests.browser.conftest import Open
from tests.builders import make_channel, make_recipient, make_well

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
EVIL = "<img src=x onerror=window.hacked=1>"
BERLIN = "Europe/Berlin"
MONDAY = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 - on the wall
WEEK = "?begin=2099-01-05&days=7"


def make_schedule(engine: Engine, name: str, *layers: Layer, timezone: str, description: str = "") -> None:
    row = {"name": name, "timezone": timezone, "description": description, "is_enabled": True, "managed_by": "test",
           "updated_at": datetime.now(UTC), "layers": [layer.to_document() for layer in layers]}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(schedules).values(row))


@pytest.fixture
def rota(engine: Engine, healthmgr: Healthmgr) -> None:
    """Alice and bob take weekly turns from Monday 09:00 in Berlin; alice stands in at night shifts of another."""
    make_well(engine, at=healthmgr.now())
    make_channel(engine, "mail")
    for name in ("alice", "bob", "carol", "responder-token"):
        make_recipient(engine, name, mail=f"{name}@example.com")
    rotation = Rotation(("alice", "bob"), MONDAY, zone(BERLIN))
    make_schedule(
        engine, "primary", Layer("weekly", rotation=rotation), timezone=BERLIN, description="The shop " + EVIL
    )
    weekends = parse_time_interval({"weekdays": ["saturday:sunday"], "location": BERLIN})
    make_schedule(engine, "weekend", Layer("all", people=("alice",), hours=(weekends,)), timezone=BERLIN)
    make_schedule(engine, "backup", timezone="America/New_York")


def on_call(healthmgr: Healthmgr, schedule: str) -> str:
    (line,) = [one for one in healthmgr.oncall.reading.schedules(healthmgr.now()) if one.name == schedule]
    return ", ".join(line.on_call)


def test_all_schedules_say_who_is_on_call_and_who_is_next(open_page: Open, rota: None, healthmgr: Healthmgr) -> None:
    page = open_page("viewer", "/ui/oncall", timezone_id="Asia/Tokyo")
    now = on_call(healthmgr, "primary")
    line = page.locator("article", has_text="primary")
    expect(line).to_contain_text(now)
    expect(line).to_contain_text("then " + ({"alice", "bob"} - {now}).pop())
    expect(line).to_contain_text("09:00 there")
    expect(line).to_contain_text("clock of Europe/Berlin, where it is")
    expect(line).to_contain_text(EVIL)
    assert "09:00" not in line.locator("hm-time").first.evaluate("element => element.shadowRoot.textContent")
    expect(page.locator("article", has_text="backup")).to_contain_text("nobody no layer names anybody")
    weekend = page.locator("article", has_text="weekend")
    expect(weekend).to_contain_text("alice" if on_call(healthmgr, "weekend") else "nobody off hours")
    expect(page.get_by_label("What is wrong")).to_contain_text("Nobody is on call in backup: no layer names anybody")
    assert page.evaluate("window.hacked") is None


def test_a_calendar_shows_shifts_gaps_off_hours_and_double_bookings(open_page: Open, rota: None) -> None:
    page = open_page("viewer", "/ui/oncall/primary" + WEEK)
    week = page.get_by_label("Week of Mon 5 Jan")
    expect(week.locator(".is-shift")).to_have_count(2)
    expect(week.locator(".is-shift").first).to_contain_text(", until Mon 2099-01-05 09:00")
    expect(page.get_by_label("How it is shared")).to_contain_text("alice")
    page.goto(page.url.replace("primary", "weekend"))
    expect(page.locator(".is-off")).to_have_count(1)
    page.goto(page.url.replace("weekend", "backup"))
    expect(page.locator(".is-gap")).to_have_count(1)
    expect(page.get_by_label("What is wrong")).to_contain_text("no layer names anybody")
    assert page.get_by_role("button", name="Override").count() == 0


def test_a_double_booking_stands_below_its_shift(open_page: Open, rota: None) -> None:
    page = open_page("viewer", "/ui/oncall/primary?begin=2099-01-05&days=14")
    expect(page.locator(".is-double_booking").first).to_contain_text("alice also in weekend")
    expect(page.get_by_label("What is wrong")).to_contain_text("alice is on call in primary and weekend at once")


def test_the_calendar_is_read_by_the_viewers_own_clock(open_page: Open, rota: None) -> None:
    page = open_page("viewer", "/ui/oncall/primary" + WEEK, timezone_id="Asia/Tokyo")
    page.get_by_role("link", name="your clock (Asia/Tokyo)").click()
    expect(page.get_by_role("link", name="clock of Asia/Tokyo")).to_have_attribute("aria-current", "true")
    expect(page.locator(".is-shift").first).to_contain_text(", until Mon 2099-01-05 17:00")


def test_an_override_is_seen_before_it_is_made_and_taken_back(open_page, keep_picture, rota, engine) -> None:
    page = open_page("admin", "/ui/oncall/primary" + WEEK)
    page.locator(".is-shift button").last.click()
    dialog = page.get_by_role("dialog")
    outlook = dialog.get_by_label("Who is on call then")
    dialog.get_by_label("From", exact=True).fill("2099-01-06 10:00")
    dialog.get_by_label("To", exact=True).fill("2099-01-06 12:00")
    dialog.get_by_label("Who is put on call").click()
    page.get_by_role("option", name="carol").click()
    expect(outlook).to_contain_text("Tue 2099-01-06 10:00 to 12:00: carol instead of")
    dialog.get_by_label("Why").fill("dentist " + EVIL)
    keep_picture(page, "oncall-override")
    dialog.get_by_role("button", name="Override").click()
    changes = page.get_by_label("Changes")
    expect(changes).to_contain_text("carol instead of")
    expect(changes).to_contain_text("by admin-token: dentist " + EVIL)
    expect(page.locator(".is-shift", has_text="carol")).to_have_count(1)
    changes.get_by_role("button", name="Take back").click()
    expect(changes).to_contain_text("Nothing changes it in this time")
    with engine.connect() as connection:
        assert connection.execute(select(schedule_overrides.c.id)).first() is None
    assert page.evaluate("window.hacked") is None


def test_what_would_leave_nobody_on_call_is_said_beforehand(open_page: Open, rota: None, healthmgr: Healthmgr) -> None:
    now = on_call(healthmgr, "primary")
    page = open_page("admin", "/ui/oncall/primary")
    page.get_by_role("button", name="Override", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Who is taken off").click()
    page.get_by_role("option", name=now, exact=True).click()
    dialog.get_by_label("To", exact=True).fill("nonsense")
    expect(dialog.get_by_label("Who is on call then")).to_contain_text("is no time")
    until = healthmgr.now().astimezone(zone(BERLIN)) + timedelta(minutes=30)
    dialog.get_by_label("To", exact=True).fill(f"{until:%Y-%m-%d %H:%M}")
    expect(dialog.get_by_label("Who is on call then")).to_contain_text(f"nobody instead of {now}")
    dialog.get_by_role("button", name="Override").click()
    expect(page.get_by_text("Nobody is on call from")).to_be_visible()
    expect(page.get_by_label("Schedule", exact=True)).to_contain_text("overrides remove everybody")


def test_a_schedule_is_replaced_for_a_while(open_page: Open, rota: None, engine: Engine) -> None:
    page = open_page("admin", "/ui/oncall/primary" + WEEK)
    page.get_by_role("button", name="Replace for a while").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("From", exact=True).fill("2099-01-06 10:00")
    dialog.get_by_label("To", exact=True).fill("2099-01-06 18:00")
    dialog.get_by_label("Who is on call then, each on a line").fill("carol 2099-01-06T10:00/2099-01-06T12:00\nbob")
    expect(dialog.locator(".hits")).to_contain_text("10:00 to 12:00: carol, bob instead of")
    dialog.get_by_role("button", name="Replace").click()
    expect(page.get_by_label("Changes")).to_contain_text("only carol, bob")
    with engine.connect() as connection:
        assert connection.execute(select(temporary_schedules.c.created_by)).scalar_one() == "admin-token"


def test_a_swap_is_proposed_accepted_and_declined(open_page: Open, rota: None, engine: Engine) -> None:
    page = open_page("admin", "/ui/oncall/primary" + WEEK)
    first = page.locator(".is-shift button").last.inner_text()
    other = ({"alice", "bob"} - {first}).pop()

    def propose() -> None:
        page.get_by_role("button", name="Swap", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Who gives").click()
        page.get_by_role("option", name=first, exact=True).click()
        dialog.get_by_label("Who is asked to take it").click()
        page.get_by_role("option", name=other, exact=True).click()
        dialog.get_by_label("From", exact=True).fill("2099-01-07 10:00")
        dialog.get_by_label("To", exact=True).fill("2099-01-07 12:00")
        dialog.get_by_role("button", name="Propose").click()
        expect(page.get_by_label("Swaps")).to_contain_text(f"{first} asks {other} to take")

    propose()
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_label("Swaps")).to_contain_text("No swap waits")
    propose()
    page.get_by_role("button", name=f"Accept for {other}").click()
    expect(page.get_by_label("Changes")).to_contain_text(f"{other} instead of {first}")
    with engine.connect() as connection:
        found = connection.execute(select(shift_swaps.c.state).order_by(shift_swaps.c.created_at)).scalars().all()
    assert found == ["declined", "accepted"]


def test_a_responder_changes_what_is_about_himself_alone(open_page: Open, rota: None, engine: Engine) -> None:
    page = open_page("responder", "/ui/oncall/primary" + WEEK)
    page.get_by_role("button", name="Override", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("From", exact=True).fill("2099-01-06 10:00")
    dialog.get_by_label("To", exact=True).fill("2099-01-06 12:00")
    dialog.get_by_label("Who is put on call").click()
    page.get_by_role("option", name="carol").click()
    dialog.get_by_role("button", name="Override").click()
    expect(page.get_by_text("can change only when he is on call himself")).to_be_visible()
    with engine.connect() as connection:
        assert connection.execute(select(schedule_overrides.c.id)).first() is None


def test_a_viewer_changes_nothing(open_page: Open, rota: None) -> None:
    page = open_page("viewer", "/ui/oncall/primary")
    expect(page.get_by_label("Calendar", exact=True)).to_be_visible()
    page.evaluate("emitEvent('act', {act: 'override'})")
    expect(page.get_by_text("This needs the role responder")).to_be_visible()


def test_what_somebody_else_changes_shows_within_two_seconds(open_page: Open, rota: None, engine: Engine) -> None:
    page = open_page("viewer", "/ui/oncall/primary")
    expect(page.get_by_label("Schedule", exact=True)).to_be_visible()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE schedules SET description = 'Now other' WHERE name = 'primary'")
    expect(page.get_by_label("Schedule", exact=True)).to_contain_text("Now other", timeout=2_000)


def test_the_address_of_the_calendar_is_shown_to_responders(open_page: Open, rota: None) -> None:
    page = open_page("responder", "/ui/oncall/primary")
    page.get_by_role("button", name="Calendar address").click()
    address = page.get_by_role("dialog").get_by_label("Address").input_value()
    assert address.startswith("http://hm.example.com/calendars/schedule/primary/")


def test_a_schedule_that_there_is_not_is_said_to_be_none(open_page: Open, rota: None) -> None:
    page = open_page("viewer", "/ui/oncall/nobody?begin=x&days=3&zone=Nowhere/Else")
    expect(page.get_by_text("There is no schedule 'nobody'")).to_be_visible()
