"""One end for a whole conversation: a socket's own timeout starts anew with every byte that drips in."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta


class Deadline:
    """The moment by which a send is over, by this process's monotonic clock."""

    def __init__(self, timeout: timedelta) -> None:
        self._at = time.monotonic() + timeout.total_seconds()

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._at

    def remaining(self) -> float:
        """Seconds left, always above 0; raises TimeoutError when there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left

    @contextlib.contextmanager
    def enforced(self, sockets: Callable[[], Iterable[socket.socket | None]]) -> Iterator[None]:
        """Within, the sockets that `sockets()` names at the deadline are shut down, which wakes whoever reads them."""

        def hang_up() -> None:
            for each in sockets():
                with contextlib.suppress(OSError):  # it may have been closed in this very moment
                    if each is not None:
                        each.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self.remaining(), hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
