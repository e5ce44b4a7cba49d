"""Providers that are played: they take what they are given, or answer as the story says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from healthmgr.domain.message import Message
from healthmgr.ports import Receipt


@dataclass
class Delivery:
    """A message that a provider was handed, and when."""

    at: datetime
    via: str
    address: str
    message: Message


class AnyConfig(BaseModel, extra="allow"):
    """Whatever the definition says."""


@dataclass
class PlayedChannel:
    """A provider of one kind; what it takes is added to the deliveries of its story."""

    story: Any
    kind: str
    needs_address: bool = True
    Config: type[BaseModel] = AnyConfig

    def send(self, config: Any, message: Message, address: str, timeout: timedelta) -> Receipt:
        """Record the message, or fail."""
        self.story.attempts[self.kind] += 1
        answer = self.story.answers.get(self.kind)
        if answer is not None:
            answer(message)
        self.story.deliveries.append(Delivery(self.story.now, self.kind, address, message))
        return Receipt(detail="taken")
