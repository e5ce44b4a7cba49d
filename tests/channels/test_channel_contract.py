"""What every registered channel keeps to, built in or not: a channel without an example here fails."""

from __future__ import annotations

import inspect
import socket
import traceback
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Any, get_args

import pytest
from pydantic import SecretStr, ValidationError

from healthmgr.domain.example import example_alert, example_message
from healthmgr.domain.message import Choice, Links, MessageKind
from healthmgr.errors import ChannelError
from healthmgr.ports import CanPreview, Channel
from healthmgr.testing import make_whole_message

CHANNELS = {point.name: point for point in entry_points(group="healthmgr.channels")}
HIDDEN = "hidden-hidden-hidden-hidden"
# A configuration that leads to this port, with every secret set to HIDDEN, and an address for it.
EXAMPLES: dict[str, tuple[dict[str, Any], str]] = {
    "apprise": ({"urls": f"json://user:{HIDDEN}@127.0.0.1:1/{HIDDEN}?-token={HIDDEN}"}, ""),
    "email": (
        {"host": "127.0.0.1", "port": 1, "from": "a@example.com", "username": "a", "password": HIDDEN, "tls": "none"},
        "alice@example.com",
    ),
    "loopback": ({}, ""),
    "pagerduty": ({"routing_key": HIDDEN, "url": "http://127.0.0.1:1/v2/enqueue"}, ""),
    "slack": ({"url": f"http://127.0.0.1:1/services/{HIDDEN}", "channel": "#alerts"}, ""),
    "sms": (
        {"account_sid": "AC" + "0" * 32, "auth_token": HIDDEN, "from": "+15005550006", "url": "http://127.0.0.1:1/"},
        "+491511234567",
    ),
    "webhook": (
        {"url": f"http://127.0.0.1:1/{HIDDEN}", "secret": HIDDEN, "headers": {"Authorization": HIDDEN}},
        "",
    ),
}
HANDS_ON_NOTHING = {"loopback"}
SECRET_WORDS = ("password", "secret", "token", "key", "headers")


@pytest.fixture(params=sorted(CHANNELS))
def kind(request) -> str:
    return request.param


@pytest.fixture
def kind_that_calls(kind) -> str:
    """A kind that hands messages to somebody."""
    if kind in HANDS_ON_NOTHING:
        pytest.skip("calls nobody")
    return kind


@pytest.fixture
def channel(kind) -> Channel:
    return CHANNELS[kind].load()()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A loopback port at which nobody listens (it stays bound, so that nobody else gets it)."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def _example(kind: str, port: int = 1) -> dict[str, Any]:
    values, _ = EXAMPLES[kind]
    moved = {
        name: value.replace(":1/", f":{port}/") if isinstance(value, str) else value for name, value in values.items()
    }
    return moved | ({"port": port} if "port" in moved else {})


def test_it_is_a_channel_named_as_it_is_registered(kind, channel):
    assert isinstance(channel, Channel)
    assert channel.kind == kind
    assert list(inspect.signature(channel.send).parameters) == ["config", "message", "address", "timeout"]


def test_its_configuration_refuses_unknown_fields(kind, channel):
    with pytest.raises(ValidationError, match="surprise"):
        channel.Config(**_example(kind), surprise=1)


def test_its_configuration_cannot_be_changed(kind, channel):
    assert channel.Config.model_config["frozen"]
    config = channel.Config(**_example(kind))
    for name in channel.Config.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(config, name, "x")


def test_every_field_is_described(channel):
    undescribed = [name for name, field in channel.Config.model_fields.items() if not field.description]
    assert undescribed == []
    assert channel.Config.model_json_schema()["additionalProperties"] is False


def test_its_secrets_are_secret(channel):
    for name, field in channel.Config.model_fields.items():
        if any(word in name for word in SECRET_WORDS):
            assert SecretStr in (field.annotation, *get_args(field.annotation)), name


def test_its_secrets_are_not_shown_by_its_configuration(kind, channel):
    config = channel.Config(**_example(kind))
    assert HIDDEN not in repr(config)
    assert HIDDEN not in str(config)


def test_a_wrong_configuration_is_refused_without_telling_its_secrets(kind, channel):
    for name in channel.Config.model_fields:
        alias = channel.Config.model_fields[name].alias or name
        with pytest.raises(ValidationError) as caught:
            channel.Config(**{**_example(kind), alias: [[HIDDEN]]})
        assert HIDDEN not in str(caught.value)


def test_a_refused_connection_is_temporary_and_tells_no_secret(
    kind_that_calls, channel, closed_port, compose_message, timeout
):
    config = channel.Config(**_example(kind_that_calls, closed_port))
    with pytest.raises(ChannelError) as caught:
        channel.send(config, compose_message(), EXAMPLES[kind_that_calls][1], timeout)
    error = caught.value
    assert (error.permanent, error.is_ambiguous) == (False, False)
    assert str(closed_port) in str(error)
    assert HIDDEN not in "".join(traceback.format_exception(error))


def test_no_time_left_is_a_temporary_error_too(kind_that_calls, channel, closed_port, compose_message):
    config = channel.Config(**_example(kind_that_calls, closed_port))
    with pytest.raises(ChannelError) as caught:
        channel.send(config, compose_message(), EXAMPLES[kind_that_calls][1], timedelta(0))
    assert not caught.value.permanent


def test_a_notice_is_shown_as_what_it_is_and_how_it_is_answered(kind, channel):
    if not isinstance(channel, CanPreview):
        pytest.skip("shows nothing beforehand")
    choices = tuple(Choice(word, f"https://h.example.com/swap/x/{word.lower()}") for word in ("Accept", "Decline"))
    alert = example_alert(check_name="alice asks you to swap shifts", summary="Friday for Monday")
    notice = {"is_notice": True, "choices": choices, "alerts": (alert,), "incident_number": 0, "how_to_acknowledge": ""}
    message = example_message(MessageKind.UPDATE, **notice, links=Links(), url="")
    shown = channel.preview(channel.Config(**_example(kind)), message, EXAMPLES[kind][1])
    for told in ("alice asks you to swap shifts", "Friday for Monday", *(choice.address for choice in choices)):
        assert told in shown.replace("\\/", "/"), told
    assert "#0" not in shown


@pytest.mark.parametrize("about", list(MessageKind))
def test_what_it_shows_beforehand_tells_the_essential_and_no_secret(kind, channel, about):
    if not isinstance(channel, CanPreview):
        pytest.skip("shows nothing beforehand")
    message = make_whole_message(about)
    for address in (EXAMPLES[kind][1], ""):
        shown = channel.preview(channel.Config(**_example(kind)), message, address)
        # Some providers are told no more at the end than which incident it is.
        told = "Payments" if about is MessageKind.DIGEST else "Session manager"
        assert told in shown or str(message.incident_id) in shown
        assert HIDDEN not in shown
