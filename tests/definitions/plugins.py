"""Plugins of the tests' own, so that what is judged here does not hang on the built-in ones."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from healthmgr.domain.result import Outcome
from healthmgr.domain.step import StepOutcome
from healthmgr.errors import UnknownPlugin
from healthmgr.ports import Receipt


class DoorConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str
    port: int = Field(80, ge=1, le=65535)
    codes: list[int] = []
    password: SecretStr = SecretStr("")


class Door:
    kind: ClassVar[str] = "door"
    Config: ClassVar[type[BaseModel]] = DoorConfig
    uses_network: ClassVar[bool] = True

    def probe(self, config: Any, context: Any) -> Outcome:
        raise NotImplementedError


class Pulse(Door):
    kind = "heartbeat"


class LetterConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    host: str
    port: int = 25
    sender: str = Field("", alias="from")


class Letter:
    kind: ClassVar[str] = "letter"
    Config: ClassVar[type[BaseModel]] = LetterConfig
    needs_address: ClassVar[bool] = True

    def send(self, config: Any, message: Any, address: str, timeout: Any) -> Receipt:
        raise NotImplementedError


class Bell(Letter):
    kind = "bell"
    needs_address = False


class LeverConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = ""
    force: int = Field(1, ge=1)
    graceful: bool = False
    timeout: str | int | None = None
    statement: str = ""
    payload: dict[str, Any] = {}
    names: list[str] = []


class Lever:
    kind: ClassVar[str] = "lever"
    Config: ClassVar[type[BaseModel]] = LeverConfig
    action_field: ClassVar[str] = "name"
    parameters_field: ClassVar[str] = "payload"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"statement"})
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = True

    def run(self, config: Any, context: Any) -> StepOutcome:
        raise NotImplementedError

    def describe(self, config: Any) -> str:
        return f"pull {config.name}"


class NoticeConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: str = Field(min_length=1)
    channels: list[str] = []
    recipients: list[str] = []


class Notice(Lever):
    kind = "notification"
    Config: ClassVar[type[BaseModel]] = NoticeConfig
    action_field = "message"
    parameters_field = ""
    is_destructive = False


class RestConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    length: str


class Rest(Notice):
    kind = "wait"
    Config: ClassVar[type[BaseModel]] = RestConfig
    action_field = "length"


class TestRegistry:
    """Two kinds of check, two of channel, three of step."""

    __test__ = False

    def check_type(self, kind: str) -> Any:
        return self._find(kind, Door(), Pulse())

    def channel(self, kind: str) -> Any:
        return self._find(kind, Letter(), Bell())

    def step_type(self, kind: str) -> Any:
        return self._find(kind, Lever(), Notice(), Rest())

    def _find(self, kind: str, *plugins: Any) -> Any:
        for plugin in plugins:
            if plugin.kind == kind:
                return plugin
        raise UnknownPlugin(f"There is no plugin {kind!r}.")


ROUTED = """
channels:
  post: {kind: letter, config: {host: h}}
recipients:
  ops: {contacts: {post: ops@example.com}}
routing:
  default: {to: ops, via: post}
"""
