"""A mailbox on this machine: takes every mail on a loopback port, and keeps each as an .eml file.

`python -m healthmgr.demo.inbox DATA_DIR PORT`
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import itertools
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

_HOST = "127.0.0.1"
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that arrived."""

    id: str
    received_at: datetime
    sender: str
    to: str
    subject: str
    text: str
    file: Path


class Mailbox:
    """The folder of mails; file names sort by arrival."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "demo" / "inbox"
        self._counter = itertools.count()

    def keep(self, content: bytes, recipients: list[str]) -> Path:
        """Store a mail, whole and on the disk when this returns; the oldest beyond a thousand are removed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._counter)}.eml"
        half = self.folder / f".{name}"
        with half.open("wb") as file:
            file.write(b"X-Envelope-To: " + ", ".join(recipients).encode("ascii", "replace") + b"\r\n" + content)
            file.flush()
            os.fsync(file.fileno())
        half.rename(self.folder / name)
        for path in self._files()[:-_KEPT]:
            path.unlink(missing_ok=True)
        return self.folder / name

    def mails(self, after: str = "") -> Iterator[Mail]:
        """The mails, oldest first; with `after`, those that came after the mail of that id."""
        for path in self._files():
            if path.stem > after:
                yield _read(path)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.eml"))


def _read(path: Path) -> Mail:
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)  # noqa: S101 - what the default policy makes
    body = parsed.get_body(("plain", "html"))
    return Mail(
        id=path.stem,
        received_at=datetime.fromtimestamp(int(path.stem.split("-")[0]) / 1e9, UTC),
        sender=str(parsed["From"] or ""),
        to=str(parsed["To"] or parsed["X-Envelope-To"] or ""),
        subject=str(parsed["Subject"] or ""),
        text=str(body.get_content()) if body is not None else "",
        file=path,
    )


class _Handler:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        path = await asyncio.to_thread(self._mailbox.keep, content, list(envelope.rcpt_tos))
        print(f"mail for {', '.join(envelope.rcpt_tos)}: {_read(path).subject}", flush=True)  # noqa: T201
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
