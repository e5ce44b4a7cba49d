"""The same client for asyncio programs: each request in a thread, so that the loop is never held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from healthmgr.client.synchronous import TIMEOUT, Client, ClientError


class AsyncClient:
    """As `Client`, with coroutines; any number of requests may be under way. Every method raises ClientError."""

    def __init__(self, url: str = "", token: str = "", timeout: float = TIMEOUT) -> None:
        self._given = (url, token, timeout)
        Client(*self._given).close()  # what is wrong with the address is said at once

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def push(
        self,
        slug: str,
        status: str,
        message: str = "",
        *,
        response_time: float | None = None,
        metrics: Mapping[str, float] | None = None,
        is_conclusive: bool = False,
    ) -> dict[str, Any]:
        """Bring a result of a check; once this returns, it is stored and judged."""
        return await self._call(
            "push",
            slug,
            status,
            message,
            response_time=response_time,
            metrics=metrics,
            is_conclusive=is_conclusive,
        )

    async def ping(self, slug: str, kind: str | int = "success", detail: str = "") -> None:
        """Tell a heartbeat check that its job lives."""
        await self._call("ping", slug, kind, detail)

    @asynccontextmanager
    async def job(self, slug: str) -> AsyncIterator[None]:
        """Ping `start` before the block, `success` after it, or `fail` with what it raised."""
        await self.ping(slug, "start")
        try:
            yield
        except BaseException as error:
            try:
                await self.ping(slug, "fail", f"{type(error).__name__}: {error}")
            except ClientError as untold:
                error.add_note(f"healthmgr was not told: {untold}")
            raise
        await self.ping(slug, "success")

    async def run(self, slug: str) -> dict[str, Any]:
        """Order a probe of a check now."""
        return await self._call("run", slug)

    async def run_and_wait(self, slug: str, timeout: float = 30.0) -> dict[str, Any]:
        """Order a probe of a check now and wait for its result, `timeout` seconds at most (120)."""
        return await self._call("run_and_wait", slug, timeout)

    async def check(self, slug: str) -> dict[str, Any]:
        """A check with its state."""
        return await self._call("check", slug)

    async def status(self) -> dict[str, Any]:
        """The whole at a glance."""
        return await self._call("status")

    async def _call(self, method: str, *args: Any, **options: Any) -> dict[str, Any]:
        def call() -> dict[str, Any]:
            with Client(*self._given) as client:
                return getattr(client, method)(*args, **options) or {}

        return await asyncio.to_thread(call)
