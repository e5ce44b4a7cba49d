"""`healthmgr lb`: which instances are given work, and taking one out of service."""

from __future__ import annotations

from sqlalchemy import Engine

from tests.builders import make_check
from tests.cli.conftest import Terminal


def make_shop(engine: Engine) -> None:
    make_check(engine, "web-1", service="shop", labels={"instance": "web-1"})
    make_check(engine, "web-2", service="shop", labels={"instance": "web-2"}, status="degraded")


def test_instances_are_listed_with_what_balancers_are_told(terminal: Terminal, engine: Engine) -> None:
    assert terminal("lb", "list").out == "No check has a service.\n"
    make_shop(engine)
    out = terminal("lb", "list").out
    assert "shop/web-1" in out
    assert "in service with 50% of its weight: degraded" in out
    assert terminal("lb", "list", "blog").out == "No check has the service 'blog'.\n"
    assert [one["weight"] for one in terminal("lb", "list", "shop", "--json").json["items"]] == [100, 50]


def test_an_instance_is_drained_for_a_while_and_enabled_again(terminal: Terminal, engine: Engine) -> None:
    make_shop(engine)
    drained = terminal("lb", "drain", "shop/web-1", "--for", "10m", "--reason", "a new disk", "--as", "alice")
    assert drained.code == 0, drained.err
    assert drained.out.startswith("shop/web-1 is drained, at the latest until ")
    assert drained.out.endswith("Balancers are told: draining\n")
    (listed, _) = terminal("lb", "list", "--json").json["items"]
    assert (listed["is_drained"], listed["wanted_by"], listed["reason"]) == (True, "alice", "a new disk")
    assert "a new disk" in terminal("lb", "list").out
    assert terminal("lb", "enable", "shop/web-1", "--json").json["weight"] == 100


def test_the_last_one_and_what_there_is_not_are_refused(terminal: Terminal, engine: Engine) -> None:
    make_shop(engine)
    assert terminal("lb", "drain", "shop/web-1").code == 0
    last = terminal("lb", "drain", "shop/web-2")
    assert (last.code, "the last instance in service" in last.err) == (1, True)
    assert terminal("lb", "drain", "shop/web-2", "--last").code == 0
    assert "did you mean shop/web-1?" in terminal("lb", "enable", "shop/web-11").err
    bad = terminal("lb", "drain", "shop")
    assert (bad.code, "SERVICE/INSTANCE" in bad.err) == (2, True)
