"""The talk with a mail server, line by line: shared by the kinds smtp and tls."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

_MOST_LINES = 100  # of one reply
_LONGEST_TEXT = 200  # characters of a reply that are shown


class TalkFailed(Exception):
    """The server said something else than a mail server should; the message says what, and to which command."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A number of three digits, and the text of each line."""

    code: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        text = " ".join(line.strip() for line in self.lines)
        text = "".join(character if character.isprintable() else " " for character in text)
        return f"{self.code} {text[:_LONGEST_TEXT]}".rstrip()


class Dialogue:
    """One connection to a mail server, at `place`."""

    def __init__(self, place: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._place = place
        self._reader = reader
        self._writer = writer
        self.extensions: dict[str, str] = {}

    async def greeting(self) -> Reply:
        """The banner. Raises TalkFailed when it is no welcome."""
        return self.expect(await self._hear("the connection"), "the connection")

    async def hello(self) -> Reply:
        """Introduce ourselves; afterwards `extensions` holds what the server offers, by name in capitals."""
        reply = self.expect(await self.say(f"EHLO {_own_name()}"), "EHLO")
        offers = (line.split(" ", 1) for line in reply.lines[1:] if line)
        self.extensions = {name.upper(): (rest[0] if rest else "") for name, *rest in offers}
        return reply

    async def say(self, line: str, called: str = "") -> Reply:
        """Send one command and hear the reply; `called` stands for it in messages."""
        self._writer.write(f"{line}\r\n".encode())
        await self._writer.drain()
        return await self._hear(called or line.split(" ")[0])

    async def ask_for_tls(self) -> None:
        """Say STARTTLS and be told to go ahead; raises TalkFailed when it is not offered."""
        if "STARTTLS" not in self.extensions:
            raise TalkFailed(f"{self._place} offers no STARTTLS")
        self.expect(await self.say("STARTTLS"), "STARTTLS")
        await self._must_be_silent()

    async def _must_be_silent(self) -> None:
        """What is said in the clear from here on would be taken for the server's own words under TLS."""
        try:
            async with asyncio.timeout(0):
                early = await self._reader.read(1)
        except TimeoutError:
            return
        if early:
            raise TalkFailed(f"{self._place} went on in the clear after it had agreed to STARTTLS")

    def expect(self, reply: Reply, called: str, *codes: int) -> Reply:
        """The reply itself when its code is one of these (or any 2xx); raises TalkFailed otherwise."""
        if reply.code in codes or (not codes and 200 <= reply.code < 300):
            return reply
        raise TalkFailed(f"{self._place} answered {reply} to {called}")

    async def _hear(self, called: str) -> Reply:
        lines: list[str] = []
        code = b""
        while len(lines) < _MOST_LINES:
            line = await self._line(called)
            if not line[:3].isdigit() or line[3:4] not in (b" ", b"-", b"") or (code and line[:3] != code):
                said = line[:_LONGEST_TEXT].decode("utf-8", "replace").strip()
                raise TalkFailed(f"{self._place} does not speak SMTP: it said {said!r} to {called}")
            code = line[:3]
            lines.append(line[4:].decode("utf-8", "replace"))
            if line[3:4] != b"-":
                return Reply(int(code), tuple(lines))
        raise TalkFailed(f"{self._place} gave more than {_MOST_LINES} lines to {called}")

    async def _line(self, called: str) -> bytes:
        try:
            line = await self._reader.readline()
        except ValueError:
            raise TalkFailed(f"{self._place} gave a line without end to {called}") from None
        if not line.endswith(b"\n"):
            raise TalkFailed(f"{self._place} hung up in answer to {called}")
        return line.rstrip(b"\r\n")


def _own_name() -> str:
    """A word for EHLO; asking DNS for a better one could take longer than the check has."""
    name = socket.gethostname()
    return name if name.isascii() and " " not in name and name else "localhost"
