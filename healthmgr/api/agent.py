"""The agent that HAProxy's `agent-check` asks: a line with `service/instance` comes in, a line goes out."""

from __future__ import annotations

import asyncio

import structlog

from healthmgr.api.balancer_answers import BalancerAnswers
from healthmgr.domain.balancing import agent_line
from healthmgr.errors import SettingsError, Unavailable

log = structlog.get_logger(__name__)

_LONGEST_LINE = 512
_WAITED_FOR = 1.0  # seconds, for the line that asks and for the one that answers
_MOST_AT_ONCE = 1000

# HAProxy leaves a server as it is, and shows what was said, where it knows none of the words before the "#".
_NOT_ASKED = 'unasked #write agent-send "SERVICE/INSTANCE\\n" beside agent-check'
_NOT_KNOWN = "unsure #{}"
_NOBODY = "down #no check watches it"


class Agent:
    """Answers one line a connection, out of memory. An instance that no check watches is down."""

    def __init__(self, answers: BalancerAnswers) -> None:
        self._answers = answers
        self._server: asyncio.Server | None = None
        self._open = 0

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises SettingsError when the port cannot be had."""
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=_LONGEST_LINE, backlog=1024)
        except OSError as error:
            raise SettingsError(
                f"HEALTHMGR_AGENT_PORT: nothing can listen at {host}:{port}: {error.strerror}"
            ) from error
        log.info("agent_listening", address=f"{host}:{port}")

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server and self._server.sockets else 0

    async def stop(self) -> None:
        """Take no more connections; those that are open end within a moment."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= _MOST_AT_ONCE:
                writer.write(f"{await self._answer(reader)}\n".encode())
                await asyncio.wait_for(writer.drain(), _WAITED_FOR)
        except (OSError, TimeoutError):
            log.debug("agent_client_left")
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> str:
        try:
            line = await asyncio.wait_for(reader.readline(), _WAITED_FOR)
        except (TimeoutError, ValueError):  # nothing came, or more than a line may have
            return _NOT_ASKED
        asked = line.decode(errors="replace").strip()
        if not asked:
            return _NOT_ASKED
        try:
            known = await self._answers.known()
        except Unavailable as error:
            return _NOT_KNOWN.format(error)
        seen = known.find(asked)
        return agent_line(seen.answer) if seen else _NOBODY
