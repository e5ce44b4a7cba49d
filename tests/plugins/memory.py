"""How much memory this process takes while something goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

MEGABYTE = 1_048_576


class Growth:
    """How far the resident memory of this process rose above where it was."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._start = self._process.memory_info().rss
        self._ended = threading.Event()
        self.most = 0

    def watch(self) -> None:
        while not self._ended.wait(0.005):
            self.most = max(self.most, self._process.memory_info().rss - self._start)

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
