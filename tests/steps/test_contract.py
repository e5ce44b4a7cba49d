"""What every registered kind of step keeps to, built in or not: one without an example here fails."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Any

import pytest
from pydantic import ValidationError

from healthmgr.domain.placeholder import fill, refuse_placeholders
from healthmgr.domain.step import Ask, Balance, Done, Pause, Tell, Verify
from healthmgr.errors import StepError
from healthmgr.ports import StepType
from healthmgr.registry import STEPS
from healthmgr.testing import assert_step_type_contract
from tests.plugins.http_servers import flood_of

KINDS = sorted(point.name for point in entry_points(group=STEPS))
HIDDEN = "hidden-hidden-hidden-hidden"
# Kinds that healthmgr itself carries out: an example of each, and what it has to come to.
PASSIVE: dict[str, tuple[dict[str, Any], type]] = {
    "notification": ({"message": "Service restart initiated", "channels": ["slack"]}, Tell),
    "wait": ({"length": "10s"}, Pause),
    "verify": ({"check": "shop", "times": 2}, Verify),
    "approval": ({"question": "Restart it?", "approvers": ["alice"]}, Ask),
    "load_balancer": ({"action": "drain", "service": "shop", "instance": "web-1"}, Balance),
}
# The others: a configuration that leads to this port, or to nothing at all, with every secret set to HIDDEN.
ACTIVE: dict[str, list[dict[str, Any]]] = {
    "api_call": [
        {
            "url": f"http://me:{HIDDEN}@127.0.0.1:PORT/restart?key={HIDDEN}",
            "headers": {"X-Key": HIDDEN},
            "parameters": {"password": HIDDEN},
        }
    ],
    "sql": [{"url": f"postgresql://me:{HIDDEN}@127.0.0.1:PORT/shop?sslmode=disable", "statement": "SELECT 1"}],
    "redis": [{"url": f"redis://:{HIDDEN}@127.0.0.1:PORT/0", "command": ["DEL", "x"]}],
    "celery": [
        {"action": "purge", "broker_url": f"redis://:{HIDDEN}@127.0.0.1:PORT/0", "queue": "celery", "most": 10},
        {"action": "pool_restart", "broker_url": f"redis://:{HIDDEN}@127.0.0.1:PORT/0"},
    ],
    "service_restart": [
        {"service": "shop", "driver": "supervisor", "url": f"http://me:{HIDDEN}@127.0.0.1:PORT"},
        {"service": "shop", "driver": "docker", "url": "http://127.0.0.1:PORT"},
        {"service": "shop", "driver": "kubernetes", "url": "http://127.0.0.1:PORT", "token": HIDDEN},
    ],
    "load_balancer": [
        {"action": "drain", "service": "shop", "instance": "a", "driver": "haproxy", "socket": "127.0.0.1:PORT"}
    ],
    "command": [{"command": ["/no/such/program"], "environment": {"PASSWORD": HIDDEN}}],
    "python": [{"function": "no.such.module:function", "arguments": {"password": HIDDEN}}],
}
CASES = [(kind, number) for kind, examples in sorted(ACTIVE.items()) for number in range(len(examples))]
OVER_THE_NETWORK = [(kind, number) for kind, number in CASES if "PORT" in str(ACTIVE[kind][number])]


def example(kind: str, number: int, port: int) -> dict[str, Any]:
    return {
        name: value.replace("PORT", str(port)) if isinstance(value, str) else value
        for name, value in ACTIVE[kind][number].items()
    }


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens (it stays bound, so that nobody else gets it)."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """A port where connections are accepted by the kernel and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_step_named_as_it_is_registered_and_keeps_the_contract(registry, kind):
    step = registry.step_type(kind)
    assert isinstance(step, StepType)
    assert step.kind == kind
    assert_step_type_contract(type(step))


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_is(registry, kind):
    step = registry.step_type(kind)
    for documented in (type(step), step.Config, step.run, step.describe):
        assert documented.__doc__.strip().endswith(".")


def test_every_kind_has_an_example_here():
    assert set(KINDS) == set(PASSIVE) | set(ACTIVE)


@pytest.mark.parametrize("kind", KINDS)
def test_its_configuration_cannot_be_changed(registry, kind):
    values = PASSIVE[kind][0] if kind in PASSIVE else example(kind, 0, 1)
    config = registry.step_type(kind).Config.model_validate(values)
    for name in type(config).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(config, name, "x")


@pytest.mark.parametrize("kind", sorted(PASSIVE))
def test_a_passive_kind_only_says_what_is_to_be_done(registry, run, kind):
    config, outcome = PASSIVE[kind]
    assert isinstance(run(kind, config), outcome)
    assert_step_type_contract(type(registry.step_type(kind)), config)


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_a_target_that_is_not_there_is_an_error_that_tells_no_secret(registry, closed_port, kind, number):
    config = example(kind, number, closed_port)
    assert_step_type_contract(type(registry.step_type(kind)), config)


@pytest.mark.parametrize(("kind", "number"), OVER_THE_NETWORK)
def test_a_refused_connection_is_temporary_and_nothing_was_done(run, closed_port, kind, number):
    with pytest.raises(StepError) as caught:
        run(kind, example(kind, number, closed_port))
    assert (caught.value.permanent, caught.value.is_timeout) == (False, False), str(caught.value)
    assert HIDDEN not in str(caught.value) + caught.value.output


@pytest.mark.parametrize(("kind", "number"), OVER_THE_NETWORK)
def test_a_target_that_hangs_is_left_at_the_deadline(run, hanging_port, kind, number):
    started = time.monotonic()
    with pytest.raises(StepError) as caught:
        run(kind, example(kind, number, hanging_port), seconds=1)
    assert time.monotonic() - started < 2.5
    assert not caught.value.permanent
    assert HIDDEN not in str(caught.value) + caught.value.output


@pytest.mark.parametrize(("kind", "number"), OVER_THE_NETWORK)
def test_a_target_that_never_stops_talking_costs_the_deadline_at_most(run, kind, number):
    with flood_of(b"*1\r\n" + b"x" * 65_536, hears=False) as port:
        started = time.monotonic()
        with pytest.raises(StepError) as caught:
            run(kind, example(kind, number, port), seconds=1)
    assert time.monotonic() - started < 2.5
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize("kind", KINDS)
def test_no_complaint_about_a_configuration_repeats_what_is_wrong(registry, kind):
    for name in registry.step_type(kind).Config.model_fields.keys() - {"expected_status"}:
        with pytest.raises(ValidationError) as caught:
            registry.step_type(kind).Config.model_validate({name: [[HIDDEN]], "no_such_field": HIDDEN})
        assert HIDDEN not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_fixed_refuses_placeholders_and_what_is_not_takes_them(registry, kind):
    step = registry.step_type(kind)
    for field in step.fixed_fields:
        name, _, index = field.partition(".")
        value = ["{{ labels.host }}"] if index else "{{ labels.host }}"
        assert refuse_placeholders({name: value}, step.fixed_fields), field
    assert refuse_placeholders({"some_other_field": "{{ labels.host }}"}, step.fixed_fields) == []


def test_the_spec_s_steps_are_understood_as_they_stand(registry, run):
    def short(kind: str, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        step = registry.step_type(kind)
        own = {name: value for name, value in parameters.items() if name in step.Config.model_fields}
        rest = {name: value for name, value in parameters.items() if name not in own}
        return {step.action_field: action, **own, **({step.parameters_field: rest} if rest else {})}

    told = run("notification", short("notification", "Service restart initiated", {"channels": ["slack"]}))
    assert told == Tell("Service restart initiated", ("slack",))
    call = short("api_call", "/api/service/shutdown", {"graceful": True, "timeout": 30000})
    config = registry.step_type("api_call").Config.model_validate(call)
    assert (config.parameters, config.timeout) == ({"graceful": True}, timedelta(seconds=30))
    restart = registry.step_type("service_restart").Config.model_validate(
        short("service_restart", "service-name", {"wait": True})
    )
    assert (restart.service, restart.wait, restart.driver) == ("service-name", True, "systemd")
    assert run("wait", short("wait", "10s", {})) == Pause(timedelta(seconds=10))


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("command", {"command": ["/bin/echo", "{{ n }}"]}),
        ("verify", {"check": "shop", "times": "{{ n }}"}),
        ("wait", {"length": "{{ length }}"}),
        ("service_restart", {"service": "{{ name }}", "wait": "{{ yes }}"}),
    ],
)
def test_what_is_filled_in_fits_with_its_sort(registry, kind, config):
    values = {"n": 3, "length": 1500, "name": "shop", "yes": False}
    registry.step_type(kind).Config.model_validate(fill(config, values))


def test_a_message_is_told_as_plain_text(run):
    hostile = "\x1b[31m*bold* <script>alert(1)</script>\u202e <!channel> {{ check }}\x00"
    told = run("notification", {"message": hostile})
    assert told.message == "[31m*bold* <script>alert(1)</script> <!channel> {{ check }}"
    assert not isinstance(told, Done)
