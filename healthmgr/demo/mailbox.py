"""The mails that this machine's mailbox has taken, each kept as an .eml file."""

from __future__ import annotations

import email
import email.policy
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

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
                yield read(path)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.eml"))


def read(path: Path) -> Mail:
    """A mail that was kept."""
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
