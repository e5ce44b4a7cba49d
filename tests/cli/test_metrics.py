"""`healthmgr checks metrics`, `checks uptime` and `slo`, as people see them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from healthmgr.cli.metrics import bars, percent
from healthmgr.domain.slo import Slo
from tests.builders import make_check
from tests.cli.conftest import Terminal
from tests.measuring.making import Made, rolling, store

MINUTE = timedelta(minutes=1)


@pytest.fixture
def measured(engine: Engine) -> None:
    """A check of an hour, in whose last six minutes it was down, and a service level that it breaks."""
    now, check_id = datetime.now(UTC), make_check(engine, "shop", interval=MINUTE)
    with engine.begin() as connection:
        made = [
            Made(
                now - MINUTE * n,
                took=0.2,
                status="healthy" if n > 6 else "unhealthy",
                metrics={"load": n / 10},
                sequence=99 - n,
            )
            for n in range(1, 61)
        ]
        store(connection, check_id, *made)
        document = Slo("works", 0.99, timedelta(days=30), checks=("shop",), description="people can buy").to_document()
        connection.execute(
            text("INSERT INTO slos (name, document, managed_by, updated_at) VALUES ('works', :d, 'test', now())"),
            {"d": json.dumps(document)},
        )
    rolling(engine).roll(now)


@pytest.mark.usefixtures("measured")
def test_a_metric_is_a_picture_and_a_table(terminal: Terminal) -> None:
    said = terminal("checks", "metrics", "shop", "--last", "1h", "--step", "10m")
    assert said.code == 0
    assert "60 times in 1h" in said.out
    assert "200 ms" in said.out
    assert "█" in said.out
    assert "There are also load: add --metric NAME." in said.out
    assert "p99" in said.out.lower()
    found = terminal("checks", "metrics", "shop", "--metric", "load", "--json").json
    assert (found["metric"], found["summary"]["count"], found["summary"]["max"]) == ("load", 60, 6.0)
    assert terminal("checks", "metrics", "shop", "--metric", "colour").code == 1
    assert "is not a duration" in terminal("checks", "metrics", "shop", "--last", "soon").err


@pytest.mark.usefixtures("measured")
def test_uptime_is_told_for_each_window(terminal: Terminal) -> None:
    said = terminal("checks", "uptime", "shop", "--window", "1d")
    assert "90.000 %" in said.out
    assert "6 min" in said.out
    assert [one["window"] for one in terminal("checks", "uptime", "shop", "--json").json["windows"]] == [
        "1d",
        "7d",
        "30d",
    ]


@pytest.mark.usefixtures("measured")
def test_a_service_level_says_whether_it_is_kept(terminal: Terminal) -> None:
    assert "burning" in terminal("slo", "list").out
    said = terminal("slo", "show", "works").out
    assert "people can buy" in said
    assert "-900.0 %" in said
    assert "times too fast over 6h (limit 6): told as high." in said
    assert terminal("slo", "show", "works", "--json").json["is_met"] is False
    assert "healthmgr slo list" in terminal("slo", "show", "nothing").err


def test_where_there_is_nothing_that_is_said(terminal: Terminal, engine: Engine) -> None:
    make_check(engine, "new")
    assert "under `slos:`" in terminal("slo", "list").out
    assert "No check names a service" in terminal("slo", "uptime").out
    assert "No alert has opened" in terminal("slo", "times").out
    assert "nothing is rolled up yet" in terminal("checks", "metrics", "new").err


@pytest.mark.parametrize(
    ("share", "expected"), [(None, "-"), (1.0, "100.000 %"), (0.9999999, "99.999 %"), (0.9995, "99.950 %")]
)
def test_a_share_is_never_rounded_up_to_all(share: float | None, expected: str) -> None:
    assert percent(share) == expected


def test_bars_go_from_nothing_to_the_highest() -> None:
    assert bars([0, 1, 2]) == "▁▅█"
    assert bars([0, 0]) == "▁▁"
    assert bars([-1, 0, 1]) == "▁▅█"


def test_the_doctor_says_when_results_are_not_rolled_up(terminal: Terminal, engine: Engine) -> None:
    def said() -> list[str]:
        found = terminal("doctor", "--json").json["findings"]
        return [each["message"] for each in found if each["examination"] == "metrics"]

    check_id = make_check(engine, "shop")
    assert said() == ["results have not been rolled up so far: metrics, uptime and service levels are as old"]
    with engine.begin() as connection:
        store(connection, check_id, Made(datetime.now(UTC)))
    rolling(engine).roll(datetime.now(UTC))
    (message,) = said()
    assert message.startswith("results were rolled up")
