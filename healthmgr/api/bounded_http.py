"""HTTP/1.1 by httptools, with an end to how long a request's head may be: the parser itself would wait for ever."""

from __future__ import annotations

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 256 * 1024  # bytes
_ABORT = "healthmgr.abort"


class BoundedHttp(HttpToolsProtocol):
    """Answers 400 and closes when a request's line and headers do not end within `MAX_HEAD`."""

    _head = 0
    _is_in_head = True

    def data_received(self, data: bytes) -> None:
        """Count what arrives until the headers are complete."""
        super().data_received(data)
        self._head = self._head + len(data) if self._is_in_head else 0
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's headers are too long.")

    def on_headers_complete(self) -> None:
        """The head is over."""
        self._is_in_head = False
        self.scope.setdefault("extensions", {})[_ABORT] = {"abort": self.transport.abort}
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another head."""
        self._is_in_head = True
        self._head = 0
        super().on_message_complete()


def abort(scope: Scope) -> None:
    """Cut the connection, with what was written and never taken; to close it would wait for that for ever."""
    cut = (scope.get("extensions") or {}).get(_ABORT)
    if cut is not None:
        cut["abort"]()
