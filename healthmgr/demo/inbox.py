"""A mail server on this machine: takes every mail on a loopback port into the mailbox.

`python -m healthmgr.demo.inbox DATA_DIR PORT`
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from healthmgr.demo.mailbox import Mailbox, read

_HOST = "127.0.0.1"


class _Handler:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        path = await asyncio.to_thread(self._mailbox.keep, content, list(envelope.rcpt_tos))
        print(f"mail for {', '.join(envelope.rcpt_tos)}: {read(path).subject}", flush=True)  # noqa: T201
        return f"250 kept as {path.stem}"


async def serve(mailbox: Mailbox, port: int) -> None:
    """Take mail on a loopback port until SIGTERM or SIGINT."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    handler = _Handler(mailbox)
    server = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=True, hostname="localhost"), _HOST, port)
    async with server:
        print(f"takes mail at {_HOST}:{port}, keeps it in {mailbox.folder}", flush=True)  # noqa: T201
        await stopped.wait()


def main(arguments: list[str]) -> None:
    """Run the mailbox of DATA_DIR on PORT."""
    data_dir, port = arguments
    asyncio.run(serve(Mailbox(Path(data_dir)), int(port)))


if __name__ == "__main__":
    main(sys.argv[1:])
