"""`healthmgr graph`, `forecast` and `changes` over real rows, as a person types them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.builders import make_check
from tests.cli.conftest import Terminal

RULE = {"disk_usage": {"threshold": "> 95%", "horizon": "1d", "window": "6h", "severity": "medium"}}


@pytest.fixture(autouse=True)
def fleet(engine: Engine) -> None:
    make_check(engine, "database", service="data")
    make_check(engine, "api", service="shop", depends_on=["database"])
    make_check(engine, "web", service="shop", depends_on=["api"])
    make_check(engine, "lone", service="other")


def execute(engine: Engine, sql: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql), values)


def suggest(engine: Engine) -> None:
    execute(
        engine,
        "INSERT INTO dependency_suggestions (check_id, parent_id, together, confidence, lift, lag, seen_at)"
        " SELECT c.id, p.id, 5, 0.83, 120, interval '20 s', now() FROM checks c, checks p"
        " WHERE c.slug = 'lone' AND p.slug = 'database'",
    )


# ---- the graph --------------------------------------------------------------------------------------------


def test_the_graph_is_drawn_from_its_roots_down(terminal: Terminal) -> None:
    said = terminal("graph", "show")
    assert said.code == 0, said.err
    assert said.out.splitlines() == [
        "database  data",
        "└── api  shop",
        "    └── web  shop",
        "1 check hangs on nothing, and nothing on it",
        "longest chain: database > api > web",
    ]


def test_the_graph_as_json_and_as_a_diagram(terminal: Terminal) -> None:
    shown = terminal("graph", "show", "--json").json
    assert {"check": "api", "parent": "database", "redundancy_group": "", "is_learned": False} in shown["edges"]
    assert shown["critical_path"] == ["database", "api", "web"]
    drawn = terminal("graph", "show", "--mermaid").out
    assert drawn.startswith("flowchart TD\n")
    assert "-->" in drawn


def test_impact_says_what_falls_and_who_hears(terminal: Terminal) -> None:
    said = terminal("graph", "impact", "database")
    assert said.code == 0, said.err
    assert "2 checks in 1 service, up to 2 steps away" in said.out
    assert "database > api > web" in said.out
    shown = terminal("graph", "impact", "database", "--json").json
    assert [each["check"] for each in shown["fallen"]] == ["api", "web"]
    assert "class c0" in terminal("graph", "impact", "database", "--mermaid").out
    assert terminal("graph", "impact", "nowhere").code != 0


def test_single_points_the_gravest_first(terminal: Terminal) -> None:
    assert [line.split()[0] for line in terminal("graph", "spof").out.splitlines()[1:]] == ["database", "api"]
    assert terminal("graph", "spof", "--json").json["items"][0] == {
        "check": "database",
        "service": "data",
        "checks": 2,
        "services": ["shop"],
    }


def test_what_was_learned_is_accepted_and_taken_back(terminal: Terminal, engine: Engine) -> None:
    assert "Nothing was learned" in terminal("graph", "suggestions").out
    suggest(engine)
    listed = terminal("graph", "suggestions").out
    assert "5 times, 83%" in listed
    assert "20 s later" in listed
    said = terminal("graph", "suggestions", "accept", "lone", "database", "--comment", "same disk")
    assert said.code == 0, said.err
    assert "lone hangs on database from now on" in said.out
    assert "learned" in terminal("graph", "show").out
    again = terminal("graph", "suggestions", "dismiss", "lone", "database", "--json").json
    assert (again["state"], again["decided_by"]) == ("dismissed", "bob")
    assert terminal("graph", "suggestions", "--all", "--json").json["items"][0]["state"] == "dismissed"


def test_what_nobody_suggested_cannot_be_accepted(terminal: Terminal) -> None:
    said = terminal("graph", "suggestions", "accept", "web", "lone")
    assert said.code != 0
    assert "Nobody suggested that web hangs on lone" in said.err


# ---- forecasts --------------------------------------------------------------------------------------------


def fill(engine: Engine) -> None:
    make_check(engine, "disk", kind="host", forecasts=RULE)
    disk = "FROM checks WHERE slug = 'disk'"
    execute(engine, f"INSERT INTO forecasts (check_id, metric, due_at) SELECT id, 'disk_usage', now() {disk}")
    execute(engine, f"INSERT INTO metric_series (check_id, metric) SELECT id, 'disk_usage' {disk}")
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO metric_minutes (series_id, at, is_planned, amount, total, lowest, highest)"
                " SELECT s.id, CAST(:at AS timestamptz), false, 1, :value, :value, :value FROM metric_series s"
            ),
            [{"at": now - timedelta(minutes=m), "value": 86.0 - m / 60} for m in range(1, 360)],
        )


def test_a_forecast_in_words_with_a_picture(terminal: Terminal, engine: Engine) -> None:
    fill(engine)
    said = terminal("forecast", "disk")
    assert said.code == 0, said.err
    assert "disk_usage will pass 95% in 8 h 5" in said.out or "disk_usage will pass 95% in 9 h" in said.out
    assert "95 ----" in said.out
    assert "█" in said.out
    assert "nobody so far; it would be medium" in said.out


def test_a_forecast_as_json(terminal: Terminal, engine: Engine) -> None:
    fill(engine)
    (shown,) = terminal("forecast", "disk", "--metric", "disk_usage", "--json").json["items"]
    assert shown["seen"] == "will_cross"
    assert shown["per_hour"] == pytest.approx(1.0, abs=0.01)
    assert len(shown["series"]) in (72, 73)


def test_what_has_no_forecast_says_how_to_get_one(terminal: Terminal, engine: Engine) -> None:
    assert "lone has no forecasts: name metrics under its `forecast`" in terminal("forecast", "lone").out
    assert terminal("forecast", "nowhere").code != 0
    fill(engine)
    said = terminal("forecast", "disk", "--metric", "load")
    assert said.code != 0
    assert "those that it has: disk_usage" in said.err


# ---- changes ----------------------------------------------------------------------------------------------


def test_a_change_is_added_and_listed(terminal: Terminal) -> None:
    said = terminal(
        "changes", "add", "Deploy shop 2.1", "--service", "shop", "--version", "2.1", "--link", "https://ci.example/7"
    )
    assert (said.code, said.out) == (0, "Noted: Deploy shop 2.1 of shop.\n")
    listed = terminal("changes", "list", "--service", "shop").out
    assert "Deploy shop 2.1" in listed
    assert "bob" in listed
    assert terminal("changes", "list", "--service", "mail").out == "No change was reported in that time.\n"
    (kept,) = terminal("changes", "list", "--json").json["items"]
    assert (kept["service"], kept["version"], kept["by"], kept["source"]) == ("shop", "2.1", "bob", "cli")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--link", "ftp://x"), "begins with https://"),
        (("--at", "2999-01-01T00:00Z"), "lies ahead"),
        (("--at", "yesterday"), "--at"),
    ],
)
def test_a_change_that_cannot_be_is_refused(words: tuple[str, ...], complaint: str, terminal: Terminal) -> None:
    said = terminal("changes", "add", "Deploy", *words)
    assert said.code != 0
    assert complaint in said.err


def test_a_time_of_day_is_the_last_one(terminal: Terminal) -> None:
    late = (datetime.now(UTC) + timedelta(minutes=30)).strftime("%H:%M")
    kept = terminal("changes", "add", "Deploy", "--at", late, "--json").json
    assert datetime.fromisoformat(kept["at"]) < datetime.now(UTC)
