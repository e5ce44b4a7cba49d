"""Open dashboards without browsers: each fetches the page, connects as its scripts do, and reads what it is sent."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

_QUERY = re.compile(r"^\s*query: (\{.*\}),?$", re.MULTILINE)
_OPEN_WITHIN = 30.0  # seconds


def sign_in(site: str, token: str) -> str:
    """The cookie of a session."""
    session = requests.Session()
    headers = {"sec-fetch-site": "same-origin"}
    answer = session.post(f"{site}/login", data={"token": token}, headers=headers, allow_redirects=False, timeout=30)
    answer.raise_for_status()
    return "; ".join(f"{name}={value}" for name, value in session.cookies.items())


class Watcher:
    """One open page."""

    def __init__(self, site: str, cookie: str, path: str = "/ui/") -> None:
        self._site = site
        self._cookie = cookie
        self._path = path
        self._connection: ClientConnection | None = None
        self.received = 0  # bytes

    async def open(self, number: int = 0) -> None:
        """Fetch the page and connect; raises RuntimeError where it is refused."""
        headers = {"cookie": self._cookie}
        answer = await asyncio.to_thread(
            lambda: requests.get(self._site + self._path, headers=headers, timeout=_OPEN_WITHIN)
        )
        answer.raise_for_status()
        found = _QUERY.search(answer.text)
        if found is None:
            raise RuntimeError(f"{self._path} is no page of the dashboard")
        asked = ast.literal_eval(found.group(1)) | {"document_id": f"d{number}", "tab_id": f"t{number}"}
        asked.pop("implicit_handshake", None)
        query = urlencode(asked | {"EIO": 4, "transport": "websocket"})
        place = urlsplit(self._site).netloc
        address = f"ws://{place}/ui/_nicegui_ws/socket.io/?{query}"
        connection = self._connection = await connect(
            address, additional_headers=headers, origin=self._site, max_size=None, ping_interval=None
        )
        await connection.recv()
        await connection.send("40")
        await connection.recv()
        await connection.send("420" + json.dumps(["handshake", asked]))

    async def wait_for(self, words: str) -> float:
        """Read until something with these words comes; when that was, on the monotonic clock."""
        found = asyncio.get_running_loop().create_future()

        def look(message: str) -> None:
            if words in message and not found.done():
                found.set_result(time.monotonic())

        reading = asyncio.create_task(self.read(look))
        try:
            return await asyncio.wait_for(found, _OPEN_WITHIN)
        finally:
            reading.cancel()

    async def read(self, look: Callable[[str], None] | None = None) -> None:
        """Read on, for as long as the connection lasts."""
        if self._connection is None:
            raise RuntimeError("open it first")
        async for message in self._connection:
            text = message if isinstance(message, str) else message.decode("utf-8", "replace")
            self.received += len(text)
            if text == "2":
                await self._connection.send("3")
            elif look is not None:
                look(text)

    async def close(self) -> None:
        """Leave."""
        if self._connection is not None:
            await self._connection.close()


async def watch(site: str, cookie: str, many: int) -> None:
    """Keep so many open; says "open" once they are, and each second how many bytes have come."""
    watchers = [Watcher(site, cookie) for _ in range(many)]
    reading = []
    for begin in range(0, many, 5):
        group = watchers[begin : begin + 5]
        await asyncio.gather(*(one.open(begin + place) for place, one in enumerate(group)))
        # At once: one that answers no ping is taken for gone.
        reading += [asyncio.create_task(_keep(one)) for one in group]
    sys.stdout.write("open\n")
    sys.stdout.flush()
    telling = asyncio.create_task(_tell(watchers))
    await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
    telling.cancel()
    raise RuntimeError("a dashboard could not be opened again")


async def _keep(watcher: Watcher) -> None:
    """Read on; open the page again, as a browser does, where the server has let go of it."""
    while True:
        with suppress(ConnectionClosed):
            await watcher.read()
        sys.stderr.write("a dashboard was let go, and is opened again\n")
        await watcher.open()


async def _tell(watchers: list[Watcher]) -> None:
    while True:
        sys.stdout.write(f"{sum(one.received for one in watchers)}\n")
        sys.stdout.flush()
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], sys.argv[2], int(sys.argv[3])))
