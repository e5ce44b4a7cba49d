"""`healthmgr anomaly backtest`, as people see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import Engine

from healthmgr.domain.anomaly import SILENT_FOR
from tests.builders import make_check
from tests.cli.conftest import Terminal
from tests.measuring.making import Made, rolling, store

MINUTE = timedelta(minutes=1)
_SLOW = range(20, 26)  # minutes ago


@pytest.fixture
def measured(engine: Engine) -> None:
    """A check of 600 minutes that was slow for some of the last."""
    now, check_id = datetime.now(UTC), make_check(engine, "shop", interval=MINUTE)
    made = [
        Made(
            now - MINUTE * n,
            took=9.0 if n in _SLOW else 0.2 + n * 7 % 10 / 100,
            status="healthy",
            metrics={"load": 1.0},
            sequence=1000 - n,
        )
        for n in range(1, 601)
    ]
    with engine.begin() as connection:
        store(connection, check_id, *made)
    rolling(engine).roll(now)


@pytest.mark.usefixtures("measured")
def test_it_says_what_would_have_been_told(terminal: Terminal, tmp_path: Path) -> None:
    picture = tmp_path / "shop.svg"
    said = terminal("anomaly", "backtest", "shop", "--last", "10h", "--step", "1m", "--picture", str(picture))
    assert said.code == 0
    assert "1 times" in said.out
    assert "is usual" in said.out
    assert "^" in said.out
    assert "response_time of shop" in (ET.parse(picture).getroot()[0].text or "")


@pytest.mark.usefixtures("measured")
def test_programs_get_points_and_anomalies(terminal: Terminal) -> None:
    found = terminal("anomaly", "backtest", "shop", "--last", "10h", "--step", "1m", "--json").json
    (anomaly,) = found["anomalies"]
    assert anomaly["value"] == pytest.approx(9.0)
    assert len(found["points"]) >= 599
    assert found["learned_points"] == SILENT_FOR
    assert found["points"][-1]["expected"][0] < 0.3 < found["points"][-1]["expected"][1]


@pytest.mark.usefixtures("measured")
def test_a_metric_that_is_not_there_is_named_with_those_that_are(terminal: Terminal) -> None:
    said = terminal("anomaly", "backtest", "shop", "--metric", "colour")
    assert said.code == 1
    assert "load, response_time" in said.err


@pytest.mark.usefixtures("measured")
def test_what_is_too_little_is_said(terminal: Terminal) -> None:
    said = terminal("anomaly", "backtest", "shop", "--last", "1h", "--step", "1m")
    assert said.code == 0
    assert "too little" in said.out


@pytest.mark.usefixtures("measured")
def test_a_picture_that_cannot_be_written_is_told(terminal: Terminal, tmp_path: Path) -> None:
    said = terminal("anomaly", "backtest", "shop", "--picture", str(tmp_path / "nowhere" / "shop.svg"))
    assert said.code == 2
    assert "cannot be written" in said.err


def test_a_check_that_is_not_there_is_told(terminal: Terminal) -> None:
    said = terminal("anomaly", "backtest", "nothing")
    assert said.code == 1
    assert "healthmgr checks list" in said.err
