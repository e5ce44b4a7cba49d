"""What everybody may read: the status page, its feed, badges; and what people announce there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import text

from healthmgr.api.public import Keeper
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.status_page import Component, Group, StatusPage
from healthmgr.errors import Unavailable
from tests.api.conftest import Whole
from tests.builders import make_check
from tests.measuring.making import Made, store
from tests.serving import HttpClient, ServedApp

EVIL = '<img src=x onerror="window.hacked=1">'
ANNOUNCEMENTS = "/api/v1/announcements"
TROUBLE = {"title": "Orders fail", "message": "We look for the cause.", "groups": ["Shop"], "impact": "partial"}
PAGE = StatusPage(
    title="Example status",
    description=f"All that we run {EVIL}",
    groups=(
        Group("Shop", (Component("shop"), Component("till", "The tills"))),
        Group("Pay & go", services=("payments",)),
        Group("Team web", matchers=parse_matchers("team=web")),
    ),
)


@pytest.fixture
def everybody(whole: Whole, served: ServedApp) -> Iterator[HttpClient]:
    """Somebody without a token; nothing is kept of what other tests have asked."""
    served.app.state.public_keeper = Keeper(fresh_for=0)
    client = whole.client()
    yield client
    client.close()


@pytest.fixture
def published(whole: Whole) -> None:
    """The page, and checks of which one is in no group."""
    now = whole.now
    make_check(whole.engine, "till", status="healthy", hard_status="healthy", last_result_at=now)
    make_check(
        whole.engine, "secret-ledger", name="Ledger of Ada", service="payments", status="healthy",
        hard_status="healthy", last_message="10.1.2.3 is fine", last_result_at=now, labels={"team": "web"},
    )  # fmt: skip
    make_check(whole.engine, "backroom", status="unhealthy", hard_status="unhealthy", last_result_at=now)
    with whole.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO status_pages (name, document, managed_by, updated_at) VALUES ('public', :d, 't', now())"),
            {"d": json.dumps(PAGE.to_document())},
        )


def test_nothing_is_published_until_a_page_is_defined(everybody: HttpClient) -> None:
    for path in ("/status", "/status/feed.atom", "/badge/shop.svg", "/badge/shop/uptime-30d.svg"):
        assert everybody.get(path).status_code == 404, path


def test_the_page_tells_of_groups_and_of_nothing_that_was_not_published(everybody: HttpClient, published: None) -> None:
    answer = everybody.get("/status")
    assert answer.status_code == 200
    assert "Some things do not work" in answer.text
    assert "Partial outage" in answer.text
    assert "The tills" in answer.text
    assert "Pay &amp; go" in answer.text
    assert "<img" not in answer.text
    for inner in (
        "secret-ledger",
        "Ledger of Ada",
        "10.1.2.3",
        "payments",
        "backroom",
        "503 Service",
        "team=web",
        "till<",
    ):
        assert inner not in answer.text, inner
    assert answer.text.count("<script") == 1  # its own
    assert "set-cookie" not in answer.headers


def test_the_page_may_be_kept_by_whoever_is_between_and_is_known_by_its_tag(
    everybody: HttpClient, published: None
) -> None:
    first = everybody.get("/status")
    assert first.headers["cache-control"].startswith("public, max-age=30")
    again = everybody.get("/status", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert everybody.request("HEAD", "/status").status_code == 200


def test_the_history_is_one_bar_a_day_with_the_uptime(everybody: HttpClient, published: None, whole: Whole) -> None:
    with whole.engine.begin() as connection:
        shop = connection.execute(text("SELECT id FROM checks WHERE slug = 'shop'")).scalar_one()
        looks = [
            Made(
                whole.now - timedelta(minutes=n),
                took=0.1,
                status="unhealthy" if n % 2 else "healthy",
                metrics={},
                sequence=100 - n,
            )
            for n in range(1, 41)
        ]
        store(connection, shop, *looks)
    whole.healthmgr.measuring.rolling.roll(whole.healthmgr.now())
    page = everybody.get("/status").text
    today = f"{whole.now:%Y-%m-%d}"
    assert page.count("<li class=") >= 3 * 90
    assert f"{today}: 50.00 %" in page or f"{whole.now - timedelta(minutes=41):%Y-%m-%d}: 50.00 %" in page
    assert "50.00 % up" in page
    badge = everybody.get("/badge/shop/uptime-30d.svg")
    assert "Shop 30d: 50.00 %" in badge.text


def test_badges_are_of_what_is_published_alone(everybody: HttpClient, published: None) -> None:
    shop = everybody.get("/badge/shop.svg")
    assert shop.headers["content-type"] == "image/svg+xml"
    assert "Shop: outage" in ElementTree.fromstring(shop.content).attrib["aria-label"]
    assert "The tills: operational" in everybody.get("/badge/till.svg").text
    assert "Pay &amp; go: operational" in everybody.get("/badge/pay-go.svg").text
    for slug in ("secret-ledger", "backroom", "nothing", "payments"):
        assert everybody.get(f"/badge/{slug}.svg").status_code == 404, slug
        assert everybody.get(f"/badge/{slug}/uptime-30d.svg").status_code == 404, slug
    assert everybody.get("/badge/shop/uptime-5y.svg").status_code == 422


def test_trouble_is_announced_updated_and_resolved(everybody: HttpClient, published: None, whole: Whole) -> None:
    client = whole.client("responder")
    made = client.post(ANNOUNCEMENTS, json=TROUBLE | {"title": f"Orders fail {EVIL}"})
    assert made.status_code == 201, made.text
    number = made.json()["number"]
    page = everybody.get("/status").text
    assert "We look for the cause." in page
    assert "Orders fail &lt;img" in page
    assert "responder-token" not in page
    said = client.post(f"{ANNOUNCEMENTS}/{number}/updates", json={"state": "resolved", "message": "It was the disk."})
    assert said.json()["is_over"] is True
    assert [one["state"] for one in said.json()["updates"]] == ["investigating", "resolved"]
    assert "It was the disk." in everybody.get("/status").text
    late = client.post(f"{ANNOUNCEMENTS}/{number}/updates", json={"state": "identified", "message": "Or not."})
    assert late.status_code == 409
    feed = ElementTree.fromstring(everybody.get("/status/feed.atom").content)
    (entry,) = feed.findall("{http://www.w3.org/2005/Atom}entry")
    assert "It was the disk." in entry.findtext("{http://www.w3.org/2005/Atom}content", "")
    assert client.delete(f"{ANNOUNCEMENTS}/{number}").status_code == 204
    assert "Orders fail" not in everybody.get("/status").text
    actions = [action for _, _, action, _ in whole.audit()]
    assert actions == ["announcement.publish", "announcement.update", "announcement.withdraw"]


def test_an_announcement_lifts_the_group_that_it_names_alone(
    everybody: HttpClient, published: None, whole: Whole
) -> None:
    wanted = TROUBLE | {"groups": ["Pay & go"], "impact": "outage"}
    assert whole.client("responder").post(ANNOUNCEMENTS, json=wanted).status_code == 201
    status = whole.healthmgr.public.reading.status(whole.healthmgr.now())
    assert [group.standing.value for group in status.groups] == ["partial outage", "outage", "operational"]


def test_planned_work_begins_and_ends_by_itself_and_explains_what_is_measured(
    everybody: HttpClient, published: None, whole: Whole
) -> None:
    now = whole.healthmgr.now()
    wanted = {
        "kind": "maintenance", "title": "New racks", "message": "The shop may be away.", "groups": ["Shop"],
        "starts_at": (now + timedelta(hours=1)).isoformat(), "ends_at": (now + timedelta(hours=3)).isoformat(),
    }  # fmt: skip
    assert whole.client("responder").post(ANNOUNCEMENTS, json=wanted).status_code == 201
    assert "Planned</h2>" in everybody.get("/status").text
    reading = whole.healthmgr.public.reading
    shop = [reading.status(now + timedelta(hours=hours)).groups[0].standing.value for hours in (0, 2, 4)]
    assert shop == ["partial outage", "maintenance", "partial outage"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"groups": ["Nowhere"]}, "no group 'Nowhere' is published"),
        ({"title": " "}, "needs 1 to 200"),
        ({"message": ""}, "say what people should know"),
        ({"state": "scheduled"}, "of incident it is one of investigating"),
        ({"kind": "maintenance"}, "planned work needs an end"),
        ({"ends_at": "2030-01-01T00:00:00Z"}, "trouble ends when somebody says so"),
    ],
)
def test_what_cannot_be_announced_is_refused_at_its_place(
    published: None, whole: Whole, change: dict[str, Any], said: str
) -> None:
    answer = whole.client("responder").post(ANNOUNCEMENTS, json=TROUBLE | change)
    assert answer.status_code == 422
    assert said in answer.text


def test_viewers_read_announcements_and_make_none(published: None, whole: Whole) -> None:
    viewer, nobody = whole.client("viewer"), whole.client()
    assert viewer.get(ANNOUNCEMENTS).json()["items"] == []
    assert viewer.post(ANNOUNCEMENTS, json=TROUBLE).status_code == 403
    assert nobody.get(ANNOUNCEMENTS).status_code == 401


def test_without_a_page_nothing_can_be_announced(whole: Whole) -> None:
    answer = whole.client("responder").post(ANNOUNCEMENTS, json=TROUBLE)
    assert answer.status_code == 409
    assert "No status page is defined" in answer.text


def test_what_is_known_is_kept_for_a_while_and_served_while_the_database_is_away() -> None:
    at, asked = [0.0], []

    def find_out() -> str:
        asked.append(at[0])
        if at[0] >= 20:
            raise Unavailable("away")
        return f"at {at[0]}"

    keeper = Keeper(fresh_for=10, tick=lambda: at[0])
    assert keeper.get("page", find_out) == keeper.get("page", find_out) == "at 0.0"
    at[0] = 11.0
    assert keeper.get("page", find_out) == "at 11.0"
    at[0] = 30.0
    assert keeper.get("page", find_out) == "at 11.0"
    assert asked == [0.0, 11.0, 30.0]
    with pytest.raises(Unavailable):
        keeper.get("other", find_out)
