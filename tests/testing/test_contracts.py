"""The contracts that plugin authors are given: every installed plugin keeps them, and every breach is found."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.errors import ChannelError, ProbeError
from healthmgr.ports import Receipt
from healthmgr.registry import CHANNELS, CHECKS
from healthmgr.testing import RecordingChannel, assert_channel_contract, assert_check_type_contract

SHORT = timedelta(seconds=0.2)


@pytest.mark.parametrize("point", entry_points(group=CHECKS), ids=lambda point: point.name)
def test_every_installed_check_type_keeps_the_contract(point: Any) -> None:
    check_type = point.load()
    assert check_type.kind == point.name
    assert_check_type_contract(check_type)


@pytest.mark.parametrize("point", entry_points(group=CHANNELS), ids=lambda point: point.name)
def test_every_installed_channel_keeps_the_contract(point: Any) -> None:
    channel = point.load()
    assert channel.kind == point.name
    assert_channel_contract(channel)


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    token: SecretStr = Field(SecretStr(""), description="what lets us in")


class GoodCheck:
    kind = "good"
    uses_network = True
    Config: ClassVar[type[BaseModel]] = Config

    async def probe(self, config: Any, context: Any) -> Outcome:
        await asyncio.sleep(0.01)
        return Outcome(Status.HEALTHY, "fine", metrics={"size": 1})


class GoodChannel:
    kind = "good"
    needs_address = False
    Config: ClassVar[type[BaseModel]] = Config

    def send(self, config: Any, message: Any, address: str, timeout: timedelta) -> Receipt:
        return Receipt(detail=message.title)


def check(**changes: Any) -> type:
    """A check type that differs from a good one in this."""
    return type("BadCheck", (GoodCheck,), changes)


def channel(**changes: Any) -> type:
    """A channel that differs from a good one in this."""
    return type("BadChannel", (GoodChannel,), changes)


def config(**changes: Any) -> type[BaseModel]:
    """A configuration that differs from a good one in this."""
    return type("BadConfig", (Config,), changes)


async def _probe_raises(self: Any, config: Any, context: Any) -> Outcome:
    raise KeyError("surprise")


async def _probe_cannot(self: Any, config: Any, context: Any) -> Outcome:
    raise ProbeError(f"could not look with {config.token.get_secret_value()}")


async def _probe_cannot_tell(self: Any, config: Any, context: Any) -> Outcome:
    raise ProbeError("could not look")


async def _probe_returns_text(self: Any, config: Any, context: Any) -> str:
    return "fine"


async def _probe_says_nothing(self: Any, config: Any, context: Any) -> Outcome:
    return Outcome(Status.UNHEALTHY, "")


async def _probe_measures_nothing(self: Any, config: Any, context: Any) -> Outcome:
    return Outcome(Status.HEALTHY, "fine", metrics={"ratio": float("nan")})


async def _probe_cannot_be_cancelled(self: Any, config: Any, context: Any) -> Outcome:
    try:
        await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        for _ in range(60):
            await asyncio.sleep(0.05)
    return Outcome(Status.HEALTHY, "fine")


def _probe_hangs(self: Any, config: Any, context: Any) -> Outcome:
    threading.Event().wait(1.0)
    return Outcome(Status.HEALTHY, "fine")


BAD_CHECKS = {
    "kind has to be a name": check(kind="Not a name"),
    "Config has to be a pydantic model": check(Config=dict),
    "there is no method 'probe'": check(probe=None),
    "has to take (config, context)": check(probe=lambda self, config: None),
    "made without arguments": check(__init__=lambda self, needed: None),
    "uses_network has to be": check(uses_network="yes"),
    "accepts unknown fields": check(Config=config(model_config=ConfigDict(extra="ignore"))),
    "no description of path": check(Config=config(path="x", __annotations__={"path": str})),
    "token looks like a secret": check(
        Config=config(token=Field("", description="lets us in"), __annotations__={"token": str})
    ),
    "repeats a wrong value": check(Config=config(model_config=ConfigDict(extra="forbid", hide_input_in_errors=False))),
    "KeyError escaped": check(probe=_probe_raises),
    "it tells a secret": check(probe=_probe_cannot),
    "returned str, not an Outcome": check(probe=_probe_returns_text),
    "has to say why": check(probe=_probe_says_nothing),
    "not a finite number": check(probe=_probe_measures_nothing),
    "goes on after it was cancelled": check(probe=_probe_cannot_be_cancelled),
    "took longer than the timeout": check(probe=_probe_hangs),
}


def test_a_good_check_type_keeps_the_contract() -> None:
    assert_check_type_contract(GoodCheck, {"token": "hidden"})
    assert_check_type_contract(check(probe=_probe_cannot_tell), {"token": "hidden"})


@pytest.mark.parametrize("said", BAD_CHECKS)
def test_every_breach_by_a_check_type_is_found(said: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_check_type_contract(BAD_CHECKS[said], {"token": "hidden"}, timeout=SHORT)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)


def _send_raises(self: Any, config: Any, message: Any, address: str, timeout: timedelta) -> Receipt:
    raise OSError("no route")


def _send_refused(self: Any, config: Any, message: Any, address: str, timeout: timedelta) -> Receipt:
    raise ChannelError("refused", permanent=True)


def _send_tells(self: Any, config: Any, message: Any, address: str, timeout: timedelta) -> Receipt:
    try:
        int(config.token.get_secret_value())
    except ValueError as error:
        raise ChannelError("refused") from error


def _send_returns_nothing(self: Any, config: Any, message: Any, address: str, timeout: timedelta) -> None:
    return None


def _send_hangs(self: Any, config: Any, message: Any, address: str, timeout: timedelta) -> Receipt:
    time.sleep(1.3)
    return Receipt()


BAD_CHANNELS = {
    "kind has to be a name": channel(kind=""),
    "has to take (config, message, address, timeout)": channel(send=lambda self, message: None),
    "needs_address has to be": channel(needs_address=None),
    "accepts unknown fields": channel(Config=config(model_config=ConfigDict(extra="ignore"))),
    "OSError escaped": channel(send=_send_raises),
    "it tells a secret": channel(send=_send_tells),
    "returned NoneType, not a Receipt": channel(send=_send_returns_nothing),
    "send took longer": channel(send=_send_hangs),
}


def test_a_good_channel_keeps_the_contract() -> None:
    assert_channel_contract(GoodChannel, {"token": "hidden"})
    assert_channel_contract(channel(send=_send_refused), {"token": "hidden"})
    assert_channel_contract(RecordingChannel, {}, "alice")


@pytest.mark.parametrize("said", BAD_CHANNELS)
def test_every_breach_by_a_channel_is_found(said: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_channel_contract(BAD_CHANNELS[said], {"token": "hidden"}, timeout=SHORT)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)
