"""`healthmgr anomaly list` and `show` over real rows, as a person types them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from tests.builders import make_check
from tests.cli.conftest import Terminal
from tests.watching import WORDS, make_watched


def test_what_is_watched_is_listed_with_value_band_and_score(terminal: Terminal, engine: Engine) -> None:
    make_watched(engine, datetime.now(UTC))
    said = terminal("anomaly", "list")
    assert said.code == 0, said.err
    assert "812 ms" in said.out
    assert "120 to 180 ms" in said.out
    assert "12.3" in said.out
    assert "told since" in said.out
    (shown,) = terminal("anomaly", "list", "--strange", "--json").json["items"]
    assert shown["words"] == WORDS


def test_a_check_is_shown_with_a_picture_and_what_was_told(terminal: Terminal, engine: Engine) -> None:
    alert_id = make_watched(engine, datetime.now(UTC))
    said = terminal("anomaly", "show", "shop", "--last", "12h")
    assert said.code == 0, said.err
    lines = [line for line in said.out.splitlines() if line.strip()]
    assert lines[0] == f"response_time of shop: {WORDS}"
    assert lines[2].strip("^ ") == ""
    assert lines[2].endswith("^")
    assert "3 of 5 strange points" in said.out
    assert alert_id[:8] in said.out
    (shown,) = terminal("anomaly", "show", "shop", "--metric", "response_time", "--json").json["items"]
    assert [point["is_strange"] for point in shown["series"]][-4:] == [False, True, True, True]


def test_what_is_not_watched_says_how_it_would_be(terminal: Terminal, engine: Engine) -> None:
    make_check(engine, "lone")
    assert "say `anomaly: true` at a check" in terminal("anomaly", "list").out
    assert "Nothing of lone is watched: say `anomaly: true`" in terminal("anomaly", "show", "lone").out
    assert terminal("anomaly", "show", "nowhere").code != 0
    make_watched(engine, datetime.now(UTC))
    said = terminal("anomaly", "show", "shop", "--metric", "load")
    assert said.code != 0
    assert "those that are: response_time" in said.err
