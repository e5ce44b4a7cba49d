"""The HTTP server that is checked: answers `ok` to anything, and keeps connections open where it is asked to.

After a request for /break those for /storm/... get status 503, until one for /mend.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
_KEEP = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_BROKEN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"


class Target:
    """Whether it is broken."""

    is_broken = False


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection until it is closed."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        keeps_open = True
        while keeps_open:
            head = await reader.readuntil(b"\r\n\r\n")
            keeps_open = b"connection: close" not in head.lower()
            if head.startswith((b"GET /break ", b"GET /mend ")):
                Target.is_broken = head.startswith(b"GET /break ")
            if Target.is_broken and head.startswith(b"GET /storm/"):
                keeps_open = False
                writer.write(_BROKEN)
            else:
                writer.write(_KEEP if keeps_open else _CLOSE)
            await writer.drain()
    writer.close()


async def main() -> None:
    """Listen on a free port, say which, and serve until the end."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=2048)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
