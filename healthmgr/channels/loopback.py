"""The channel `loopback`: takes every message and forgets it; healthmgr's own synthetic notification ends here."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from healthmgr.domain.message import Message
from healthmgr.ports import Receipt


class LoopbackConfig(BaseModel):
    """There is nothing to be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LoopbackChannel:
    """Accepts without handing anything to anybody: the walk up to a provider is real, the provider is not."""

    kind: ClassVar[str] = "loopback"
    needs_address: ClassVar[bool] = False
    is_idempotent: ClassVar[bool] = True
    is_exempt_from_digests: ClassVar[bool] = True
    Config: ClassVar[type[LoopbackConfig]] = LoopbackConfig

    def send(self, config: LoopbackConfig, message: Message, address: str, timeout: timedelta) -> Receipt:  # noqa: ARG002
        """Accept the message."""
        return Receipt(detail="taken and forgotten")
