"""How much memory this process and those that it started take while something goes on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

MEGABYTE = 1_048_576


class Growth:
    """How far the memory of this process and those that it started rose above where it was."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._start = self._taken()
        self._ended = threading.Event()
        self.most = 0

    def watch(self) -> None:
        while not self._ended.wait(0.005):
            self.most = max(self.most, self._taken() - self._start)

    def _taken(self) -> int:
        taken = int(self._process.memory_info().rss)
        for child in self._process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                taken += child.memory_full_info().uss  # without what it shares with the one it was forked from
        return taken

    def end(self) -> None:
        self._ended.set()


@contextmanager
def growth() -> Iterator[Growth]:
    watched = Growth()
    thread = threading.Thread(target=watched.watch)
    thread.start()
    try:
        yield watched
    finally:
        watched.end()
        thread.join()
