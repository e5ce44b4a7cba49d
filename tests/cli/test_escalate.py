"""`healthmgr escalate simulate`."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from healthmgr.domain.routing_tree import Route
from tests.builders import make_channel, make_recipient, make_route
from tests.cli.conftest import Terminal


@pytest.fixture(autouse=True)
def catch_all(engine: Engine) -> None:
    make_channel(engine, "pager")
    make_recipient(engine, "carol", pager="carol@example.com")
    make_route(engine, Route("default", to=("carol",), via=("pager",)))


def test_it_says_who_is_told_and_after_how_long(terminal: Terminal) -> None:
    said = terminal("escalate", "simulate", "--labels", "service=api", "severity=critical", "--until", "10m").out
    assert said.startswith("service=api, severity=critical, from 20")
    assert "0:00:00" in said
    assert "carol over pager" in said
    assert terminal("incidents", "list", "--state", "all").out == "No incident fits.\n"


def test_it_speaks_json_of_another_time(terminal: Terminal) -> None:
    found = terminal("escalate", "simulate", "service=api", "--at", "2026-12-24T22:00Z", "--json").json
    assert found["at"].startswith("2026-12-24T22:00:00")
    assert found["labels"] == {"service": "api", "severity": "high"}
    assert {line["recipient"] for line in found["lines"]} == {"", "carol"}


@pytest.mark.parametrize(
    "words",
    [
        ("service",),
        ("severity=worst",),
        ("service=api", "--until", "soon"),
        ("service=api", "--until", "30d"),
        ("service=api", "--at", "whenever"),
    ],
)
def test_what_is_no_label_time_or_length_is_refused(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert terminal("escalate", "simulate", *words).code == 2
