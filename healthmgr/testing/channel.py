"""A channel that keeps what it is sent, and fails when it is told to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from healthmgr.domain.message import Message
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that was accepted, for whom, and how long sending it might have taken."""

    message: Message
    address: str
    timeout: timedelta


class RecordingConfig(BaseModel):
    """Nothing needs to be configured."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordingChannel:
    """Fills in the port Channel. `sent` is in the order of arrival; `attempts` counts failed ones, too."""

    kind: ClassVar[str] = "recording"
    needs_address: ClassVar[bool] = True
    Config: ClassVar[type[RecordingConfig]] = RecordingConfig

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.attempts = 0
        self._failures: list[ChannelError] = []

    def fail_with(self, *errors: ChannelError) -> None:
        """Raise these at the next attempts, one at each; then accept again."""
        self._failures.extend(errors)

    def send(self, config: RecordingConfig, message: Message, address: str, timeout: timedelta) -> Receipt:  # noqa: ARG002
        """Keep the message and name its place in line, or raise the next of the failures that were asked for."""
        self.attempts += 1
        if self._failures:
            raise self._failures.pop(0)
        self.sent.append(Sent(message, address, timeout))
        return Receipt(provider_id=str(len(self.sent)), detail="recorded")
