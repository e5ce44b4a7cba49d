"""What the supervisor and its children say, a line at a time, each with its speaker in front."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from typing import TextIO

_COLOURS = ("36", "32", "35", "34", "33", "96", "92", "95", "94", "93")
_OWN_NAME = "healthmgr"
_OWN_COLOUR = "1"
_ALARM_COLOUR = "1;31"


class Console:
    """Prefixed lines on a stream; coloured on a terminal or with FORCE_COLOR, never with NO_COLOR."""

    def __init__(self, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._stream = stream or sys.stdout
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(errors="replace")  # a terminal without UTF-8 must not stop anything
        given = os.environ if environ is None else environ
        self._is_coloured = not given.get("NO_COLOR") and bool(given.get("FORCE_COLOR") or self._stream.isatty())
        self._width = len(_OWN_NAME)
        self._colours: dict[str, str] = {}
        self._is_gone = False

    @property
    def is_gone(self) -> bool:
        """Nobody can read what is written any more: the terminal or the pipe was closed."""
        return self._is_gone

    def introduce(self, *names: str) -> None:
        """Give speakers their colours and make room for their names."""
        for name in names:
            self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            self._width = max(self._width, len(name))

    def child(self, name: str, line: str) -> None:
        """A line that a child wrote; empty ones tell nothing."""
        if not line.strip():
            return
        self.introduce(name)
        self._write(f"{self._paint(f'{name:<{self._width}} │', self._colours[name])} {line}\n")

    def say(self, line: str) -> None:
        """A line of the supervisor's own."""
        self._write(f"{self._paint(f'{_OWN_NAME:<{self._width}} │ {line}', _OWN_COLOUR)}\n")

    def warn(self, line: str) -> None:
        """A line of the supervisor's own that wants attention."""
        self._write(f"{self._paint(f'{_OWN_NAME:<{self._width}} │ {line}', _ALARM_COLOUR)}\n")

    def show(self, text: str) -> None:
        """Text for the person at the terminal, without a prefix."""
        self._write(f"{text}\n")

    def emphasise(self, text: str) -> str:
        """The text in bold where colours are shown."""
        return self._paint(text, _OWN_COLOUR)

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._is_coloured else text

    def _write(self, text: str) -> None:
        if self._is_gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # the reader went away: children must still be stopped in order, so nothing is raised here
            self._is_gone = True
            if isinstance(self._stream, io.TextIOWrapper):  # what is still buffered must not fail when Python exits
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
