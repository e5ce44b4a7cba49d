"""`healthmgr route`: the tree as it is defined, and where an alert goes in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import AWAY, Terminal

DEFINITIONS = """version: 1
channels:
  post: {kind: email, config: {host: localhost, from: healthmgr@localhost}}
recipients:
  ops: {contacts: {post: ops@example.com}}
  payers: {contacts: {post: pay@example.com}}
receivers:
  pay: {to: [payers, ops], via: post, send_resolved: false}
time_windows:
  weekend: [{weekdays: ['saturday:sunday']}]
routing:
  routes:
    - matchers: ['service=~"pay.*"']
      receiver: pay
      group_by: [service, location]
      repeat_interval: 1h
      continue: true
      routes:
        - {name: pagers, matchers: severity=critical, to: ops, via: post, mute_during: weekend}
    - {name: web, matchers: ['team=web', 'zone=eu'], receiver: pay}
  critical: {to: ops, via: post, repeat_interval: 30m}
  default: {to: ops, via: post, group_interval: 10m}
checks:
  shop: {kind: tcp, service: payments, severity: critical, labels: {team: web}, config: {host: 127.0.0.1, port: 1}}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "routes.yaml"
    path.write_text(DEFINITIONS, encoding="utf-8")
    return str(path)


@pytest.fixture
def applied(terminal: Terminal, engine: Engine, file: str) -> Terminal:
    """A terminal where the definitions are applied."""
    done = terminal("apply", file)
    assert done.code == 0, done.out
    return terminal


def test_a_file_is_drawn_without_a_database(terminal: Terminal, file: str) -> None:
    terminal.set(DATABASE_URL="")
    drawn = terminal("route", "show", "--file", file)
    assert drawn.code == 0, drawn.err
    lines = [line.strip("│├└─ ") for line in drawn.out.splitlines()]
    assert lines == [
        "default  everything  -> ops over post",
        "by service or else check · waits 30s (critical: 0s) · news every 10m · again every 4h10m · file:routes.yaml",
        'service-pay  service=~"pay.*"  -> pay (payers, ops over post)  and goes on',
        "by service, location · waits 30s (critical: 0s) · news every 10m · again every 1h10m · file:routes.yaml",
        'pagers  severity="critical"  -> ops over post',
        "by service, location · waits 30s (critical: 0s) · news every 10m · again every 1h10m · mute during weekend",
        'web  team="web", zone="eu"  -> pay (payers, ops over post)',
        "by service or else check · waits 30s (critical: 0s) · news every 10m · again every 4h10m · file:routes.yaml",
        'critical  severity="critical"  -> ops over post',
        "by service or else check · waits 30s (critical: 0s) · news every 10m · again every 40m · file:routes.yaml",
    ]


def test_the_database_says_the_same_as_the_file(applied: Terminal, file: str) -> None:
    stored = applied("route", "show", "--json").json
    assert stored == applied("route", "show", "--json", "--file", file).json
    words = ("route", "test", "service=payments", "severity=critical", "--json")
    assert applied(*words).json == applied(*words, "--file", file).json


def test_an_alert_is_told_by_every_route_that_continues_and_grouped_by_the_last(applied: Terminal) -> None:
    found = applied("route", "test", "service=payments", "severity=critical", "--json").json
    assert [(leg["path"], leg["receiver"], leg["cadence"], leg["decides"]) for leg in found["routes"]] == [
        ("default/service-pay/pagers", "", "1h10m", False),
        ("default/critical", "", "40m", True),
    ]
    assert found["routes"][0]["because"] == 'service=~"pay.*" fits; severity="critical" fits'
    assert found["routes"][0]["targets"] == [{"recipient": "ops", "channel": "post"}]
    assert found["routes"][0]["mute_during"] == ["weekend"]
    assert found["group"] == {
        "route": "default/critical",
        "key": "default/critical:service=payments",
        "labels": {"service": "payments"},
        "wait": "0s",
        "interval": "10m",
        "reaches_somebody": True,
    }


def test_a_check_brings_its_labels_along(applied: Terminal) -> None:
    found = applied("route", "test", "check=shop", "zone=eu", "--json").json
    assert found["labels"] == {
        "check": "shop", "service": "payments", "severity": "critical", "team": "web", "zone": "eu",
    }  # fmt: skip
    assert [leg["path"] for leg in found["routes"]] == ["default/service-pay/pagers", "default/web"]
    assert found["routes"][1]["sends_resolved"] is False


def test_verbose_says_why_not(applied: Terminal) -> None:
    said = applied("route", "test", "team=web", "-v")
    assert said.code == 0
    assert 'web: unfit, zone="eu" does not fit: zone is not set' in said.out
    assert "default: taken, no other route fits" in said.out
    assert 'severity="high"' in said.out
    short = applied("route", "test", "team=web")
    assert "unfit" not in short.out
    assert "every 4h10m (repeat_interval 4h, looked at every 10m)" in short.out


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (("service",), "write NAME=VALUE"),
        (("service=~api",), "is no label"),
        (("service!=api",), "is no label"),
        (("severity=hihg",), "did you mean 'high'?"),
        (("a=b", "a=c"), "a is given twice"),
    ],
)
def test_labels_that_are_none_are_refused(terminal: Terminal, file: str, labels: tuple[str, ...], words: str) -> None:
    refused = terminal("route", "test", "--file", file, *labels)
    assert refused.code == 2
    assert words in refused.out + refused.err


def test_a_bad_file_is_refused_as_validate_does(terminal: Terminal, file: str) -> None:
    Path(file).write_text(DEFINITIONS.replace("team=web", "team"), encoding="utf-8")
    refused = terminal("route", "show", "--file", file)
    assert refused.code == 2
    assert "routing.routes[1].matchers[0]: 'team', character 5" in refused.out


def test_a_database_that_is_away_is_said_to_be_so(terminal: Terminal) -> None:
    terminal.set(DATABASE_URL=AWAY)
    assert terminal("route", "show").code == 3


def test_a_policy_is_named_where_it_is_climbed(terminal: Terminal, tmp_path: Path) -> None:
    terminal.set(DATABASE_URL="")
    path = tmp_path / "policy.yaml"
    policy = "escalation_policies: {std: {levels: [{to: ops}]}}\nrouting:\n  low: {escalation: std}\n"
    path.write_text(DEFINITIONS.replace("routing:\n", policy), encoding="utf-8")
    assert 'severity="low"  -> policy std' in terminal("route", "show", "--file", str(path)).out
    tested = terminal("route", "test", "--file", str(path), "severity=low").out
    assert "climbs   policy std" in tested
    assert "nobody" not in tested
